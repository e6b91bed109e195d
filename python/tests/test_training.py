"""Real trainings, small ones."""

import tempfile
import unittest
from pathlib import Path

import nasbench

IDENTITY = nasbench.Cell([[0, 1], [0, 0]], ["input", "output"])
CHAIN = nasbench.Cell("010001000", ["conv3x3"])


class Trainings(unittest.TestCase):
    def test_a_training_repeats_itself_and_tells_its_progress(self):
        told = []
        one = nasbench.train(CHAIN, epochs=1, seed=4, progress=lambda done, of: told.append((done, of)))
        other = nasbench.train((CHAIN.matrix, CHAIN.ops), epochs=1, seed=4)
        self.assertEqual(one["validation_accuracy"], other["validation_accuracy"])
        self.assertGreater(one["validation_accuracy"], 0.2)
        self.assertEqual(told[-1][0], told[-1][1])
        self.assertFalse(one["diverged"])
        with self.assertRaises(nasbench.TrainingError):
            nasbench.train(CHAIN, dataset="imagenet-9")
        with self.assertRaises(nasbench.TrainingError):
            nasbench.train(CHAIN, protocol="no-such-protocol")

    def test_a_recording_is_a_benchmark_and_goes_on(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "bench"
            finished = []
            bench = nasbench.record(path, cells=[IDENTITY, CHAIN], epochs=[1], repeats=1, progress=finished.append)
            self.assertEqual((len(bench), len(finished)), (2, 2))
            more = nasbench.record(path, cells=[IDENTITY, CHAIN], epochs=[1], repeats=2, progress=finished.append)
            self.assertEqual((len(more.query(CHAIN, repeat="all")), len(finished)), (2, 4))

    def test_networks_are_those_of_torch(self):
        try:
            import torch
        except ImportError:
            self.skipTest("torch is not there")
        from nasbench.torch import saved

        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "model.safetensors"
            cell = nasbench.Cell("0111000100010000", ["conv3x3", "maxpool3x3"])
            nasbench.train(cell, epochs=1, save=file)
            network, card = saved(file)
            parameters = sum(parameter.numel() for parameter in network.parameters())
            shape = (1, 14, 14)
            self.assertEqual(card["epochs"], 1)
            self.assertEqual(network(torch.zeros(3, *shape)).shape, (3, 10))
            plain = cell.to_torch(image=shape, channels=8)
            self.assertEqual(sum(one.numel() for one in plain.parameters()), cell.parameters(image=shape, channels=8))
            self.assertGreater(parameters, 0)


if __name__ == "__main__":
    unittest.main()
