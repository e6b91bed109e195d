"""Real trainings, small ones."""

import json
import struct
import tempfile
import unittest
from pathlib import Path

import nasbench

IDENTITY = nasbench.Cell([[0, 1], [0, 0]], ["input", "output"])
CHAIN = nasbench.Cell("010001000", ["conv3x3"])


def safetensors(data):
    """The arrays of a file by their names: their shapes and their values."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    kinds = {"F32": ("f", 4), "U8": ("B", 1), "I64": ("q", 8)}
    arrays = {}
    for name, one in header.items():
        start, end = (8 + length + place for place in one["data_offsets"])
        letter, size = kinds[one["dtype"]]
        arrays[name] = (one["shape"], list(struct.unpack(f"<{(end - start) // size}{letter}", data[start:end])))
    return arrays


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
            bench = nasbench.record(path, cells=[IDENTITY, CHAIN], epochs=[1], repeats=1, progress=lambda done, of: finished.append((done, of)))
            self.assertEqual((len(bench), sorted(finished)), (2, [(1, 2), (2, 2)]))
            more = nasbench.record(path, cells=[IDENTITY, CHAIN], epochs=[1], repeats=2, progress=lambda done, of: finished.append((done, of)))
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
            # The same logits as ours, of test images.
            answers = Path(folder) / "answers.safetensors"
            nasbench._nasbench._answers(file, answers, images=64)
            arrays = safetensors(answers.read_bytes())
            pixels, logits = (torch.tensor(arrays[name][1]).reshape(arrays[name][0]) for name in ("pixels", "logits"))
            mean, deviation = (torch.tensor(card[name]).reshape(1, -1, 1, 1) for name in ("mean", "deviation"))
            with torch.no_grad():
                found = network((pixels - mean) / deviation)
            self.assertLess((found - logits).abs().max().item(), 1e-5 * max(1.0, logits.abs().max().item()))
            self.assertEqual(cell.to_torch(weights=file)(torch.zeros(3, *shape)).shape, (3, 10))
            with self.assertRaisesRegex(ValueError, "another cell"):
                IDENTITY.to_torch(weights=file)
            plain = cell.to_torch(image=shape, channels=8)
            self.assertEqual(sum(one.numel() for one in plain.parameters()), cell.parameters(image=shape, channels=8))
            self.assertGreater(parameters, 0)


if __name__ == "__main__":
    unittest.main()
