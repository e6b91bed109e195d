"""Files of other programs, out and in."""

import json
import struct
import tempfile
import unittest
from pathlib import Path

import nasbench
from nasbench import api

try:
    import numpy
except ImportError:
    numpy = None
try:
    import pyarrow.parquet
except ImportError:
    pyarrow = None


class Files(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bench = nasbench.open()
        cls.cell = cls.bench.cells()[0]
        cls.folder = tempfile.TemporaryDirectory()
        cls.path = Path(cls.folder.name)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_naslibs_dicts_are_written_and_read_again(self):
        file = self.path / "naslib.json"
        self.bench.export(file, "naslib")
        data = json.loads(file.read_text())
        old = api.NASBench("bundled")
        self.assertEqual(list(data), ["fixed_statistics", "computed_statistics"])
        self.assertEqual(set(data["fixed_statistics"]), set(self.bench.hashes()))
        fixed, computed = old.get_metrics_from_hash(self.cell.hash)
        written = data["computed_statistics"][self.cell.hash]
        self.assertEqual({int(epochs): repeats for epochs, repeats in written.items()}, computed)
        self.assertEqual(data["fixed_statistics"][self.cell.hash]["trainable_parameters"], fixed["trainable_parameters"])
        # Halves and parameters of another network than the protocol's are not kept; the ends are.
        copied = nasbench.import_table(file, self.path / "copied", dataset="fashion")
        self.assertEqual((len(copied), copied.epochs), (len(self.bench), self.bench.epochs))
        for one, other in zip(self.bench.query(self.cell, repeat="all"), copied.query(self.cell, repeat="all")):
            for name in ("validation_accuracy", "test_accuracy", "training_time"):
                self.assertEqual(one[name], other[name])

    def test_a_folder_of_syne_tune_has_the_values(self):
        folder = self.path / "syne-tune"
        self.bench.export(folder, "syne-tune")
        metadata = json.loads((folder / "metadata.json").read_text())
        self.assertEqual(metadata["objectives_names"][0], "validation_error")
        if numpy is None:
            self.skipTest("numpy is not there")
        # The first axis is that of tasks, of which there is one.
        (values,) = numpy.load(folder / "objectives_evaluations.npy")
        fidelities = numpy.load(folder / "fidelities_values.npy")
        self.assertEqual((values.dtype, list(fidelities)), (numpy.float32, self.bench.epochs))
        self.assertEqual(values.shape[2:], (len(fidelities), 5))
        if pyarrow is None:
            self.skipTest("pyarrow is not there")
        rows = pyarrow.parquet.read_table(folder / "hyperparameters.parquet").to_pylist()
        self.assertEqual(len(rows), values.shape[0])
        for place in (0, len(rows) // 2, len(rows) - 1):
            row = rows[place]
            matrix = [[row.get(f"edge_{x}_{y}", 0) for y in range(7)] for x in range(7)]
            cell = nasbench.Cell(matrix, ["input", *(row[f"op_{vertex}"] for vertex in range(1, 6)), "output"])
            repeats = self.bench.query(cell, repeat="all")
            for seed in range(values.shape[1]):
                expected = [1 - repeats[seed][name] for name in ("validation_accuracy", "test_accuracy", "train_accuracy")]
                numpy.testing.assert_allclose(values[place, seed, -1, :3], expected, atol=1e-6)
                numpy.testing.assert_allclose(values[place, seed, -1, 3], repeats[seed]["training_time"], rtol=1e-5)

    def test_descriptions_and_plain_formats(self):
        for name in ("csv", "jsonl", "parquet", "arrow", "croissant", "card", "tfrecord"):
            told = []
            self.bench.export(self.path / name, name, progress=lambda done, of: told.append(done))
            self.assertGreater((self.path / name).stat().st_size, 500, name)
        croissant = json.loads((self.path / "croissant").read_text())
        self.assertEqual((croissant["@type"], croissant["conformsTo"]), ("sc:Dataset", "http://mlcommons.org/croissant/1.0"))
        self.assertTrue((self.path / "card").read_text().startswith("---\n"))
        self.assertEqual(len((self.path / "csv").read_text().splitlines()), len(self.bench.table(["epochs"])) + 1)
        length = struct.unpack("<Q", (self.path / "tfrecord").read_bytes()[:8])[0]
        self.assertEqual(len(json.loads((self.path / "tfrecord").read_bytes()[12 : 12 + length])), 5)
        with self.assertRaisesRegex(ValueError, "unknown format `xlsx`"):
            self.bench.export(self.path / "xlsx", "xlsx")
        with self.assertRaises(nasbench.BenchmarkError):
            self.bench.export(self.path / "nowhere" / "rows.csv", "csv")

    def test_tables_of_other_programs_are_read_as_far_as_their_cells_are_ours(self):
        good = {"matrix": [[0, 1], [0, 0]], "ops": ["input", "output"], "epochs": 4, "validation_accuracy": 0.5, "training_time": 3.5}
        foreign = {"arch": "|nor_conv_3x3~0|+|skip_connect~0|none~1|", "epochs": 4, "validation_accuracy": 0.5}
        texts = {
            "rows.json": json.dumps([good]),
            "lines.jsonl": json.dumps(good) + "\n",
            "dict.json": json.dumps({"043721b9c7fe8c5fad811d47d83132ec": good}),
            "rows.csv": 'matrix,ops,epochs,validation_accuracy,training_time\n"[[0,1],[0,0]]","input,output",4,0.5,3.5\n',
        }
        for name, text in texts.items():
            (self.path / name).write_text(text)
            bench = nasbench.import_table(self.path / name, self.path / f"{name}.bench")
            found = bench.query("043721b9c7fe8c5fad811d47d83132ec")
            self.assertEqual((found["validation_accuracy"], found["training_time"]), (0.5, 3.5), name)
        for name, content in [("nats.json", [foreign]), ("percent.json", [{**good, "validation_accuracy": 94.2}]), ("empty.json", [])]:
            (self.path / name).write_text(json.dumps(content))
            with self.assertRaises(nasbench.BenchmarkError):
                nasbench.import_table(self.path / name, self.path / f"{name}.bench")
        with self.assertRaises(FileNotFoundError):
            nasbench.import_table(self.path / "missing.csv", self.path / "missing.bench")


if __name__ == "__main__":
    unittest.main()
