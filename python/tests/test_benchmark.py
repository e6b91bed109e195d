"""The bundled benchmark: look-ups, tables, SQL, fronts, models."""

import tempfile
import threading
import unittest
from pathlib import Path

import nasbench

CHAIN = nasbench.Cell("010001000", ["conv3x3"])


class LookUps(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bench = nasbench.open()

    def test_a_cell_is_found_by_all_that_names_it(self):
        expected = self.bench.query(CHAIN)
        for named in (CHAIN.hash, CHAIN.hash[:10], (CHAIN.matrix, CHAIN.ops), ("010001000", "conv3x3")):
            self.assertEqual(self.bench.query(named), expected)
        self.assertEqual(
            list(expected),
            [
                "module_adjacency",
                "module_operations",
                "trainable_parameters",
                "training_time",
                "train_accuracy",
                "validation_accuracy",
                "test_accuracy",
            ],
        )
        self.assertIn(CHAIN, self.bench)
        self.assertEqual(len(self.bench), 2_532)

    def test_the_mean_is_that_of_the_repeats(self):
        repeats = self.bench.query(CHAIN, repeat="all")
        mean = self.bench.query(CHAIN, repeat="mean")
        self.assertGreaterEqual(len(repeats), 3)
        self.assertAlmostEqual(mean["test_accuracy"], sum(one["test_accuracy"] for one in repeats) / len(repeats), 5)
        self.assertEqual(self.bench.query(CHAIN, repeat=1), repeats[1])
        drawn = self.bench.query(CHAIN, repeat="random", seed=5)
        self.assertEqual(drawn, self.bench.query(CHAIN, repeat="random", seed=5))
        self.assertIn(drawn, repeats)

    def test_what_is_not_recorded_is_said(self):
        large = nasbench.Space().sample(50, seed=1, sampler="uniform")
        unknown = next(cell for cell in large if cell.vertices > 5)
        self.assertNotIn(unknown, self.bench)
        for wrong in (lambda: self.bench.query(unknown), lambda: self.bench.query(CHAIN, epochs=999), lambda: self.bench.query(CHAIN, repeat=99)):
            with self.assertRaises(nasbench.NotRecordedError):
                wrong()
        with self.assertRaises(nasbench.NotRecordedError):
            self.bench.query("ffffffffff")
        with self.assertRaises(nasbench.CellError):
            self.bench.query("xyz")
        with self.assertRaisesRegex(ValueError, "expected 'mean', 'random', 'all' or a number"):
            self.bench.query(CHAIN, repeat="some")
        with self.assertRaises(nasbench.BenchmarkError):
            nasbench.open("/nowhere")

    def test_sql_and_arrow_say_the_same(self):
        rows = self.bench.sql("select vertices, count(*) as models from records group by vertices order by vertices")
        table = self.bench.table(["vertices", "epochs"])
        self.assertEqual(table.columns, ["epochs", "vertices"] if table.columns[0] == "epochs" else ["vertices", "epochs"])
        self.assertEqual(len(table), sum(row["models"] for row in rows))
        self.assertEqual(len(self.bench.table()), len(table))
        with self.assertRaisesRegex(nasbench.BenchmarkError, "unknown column `size`"):
            self.bench.table(["size"])
        with self.assertRaises(nasbench.BenchmarkError):
            self.bench.sql("delete from records")
        try:
            import pyarrow
        except ImportError:
            self.skipTest("pyarrow is not there")
        read = pyarrow.table(self.bench.table())
        self.assertEqual(read.num_rows, len(table))
        self.assertEqual(sum(1 for vertices in read["vertices"].to_pylist() if vertices == 5), rows[-1]["models"])

    def test_the_front_is_a_front(self):
        front = self.bench.front(["error", "parameters"])
        values = [(found["error"], found["parameters"]) for _, found in front]
        for one in values:
            self.assertFalse(any(other[0] <= one[0] and other[1] <= one[1] and other != one for other in values))
        small = self.bench.front(["error", "parameters"], limits=["parameters<=2000"])
        self.assertTrue(all(found["parameters"] <= 2_000 for _, found in small))
        with self.assertRaises(nasbench.SearchError):
            self.bench.front(["error", "size"])

    def test_threads_may_share_it(self):
        found = []
        threads = [threading.Thread(target=lambda: found.append(self.bench.query(CHAIN))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(found, [self.bench.query(CHAIN)] * 8)

    def test_models_are_fitted_saved_and_asked(self):
        model = nasbench.fit(self.bench, "random-forest", train_size=300, seed=1)
        cells = self.bench.cells()
        predicted = model.predict(cells[:50])
        self.assertEqual(len(predicted["mean"]), 50)
        self.assertTrue(all(0 <= value <= 1 for value in predicted["mean"]))
        best = model.best(cells, 5)
        self.assertEqual([value for _, value in best], sorted((value for _, value in best), reverse=True))
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "forest.json"
            model.save(file)
            self.assertEqual(nasbench.Model.load(file).predict(cells[:50])["mean"], predicted["mean"])
        quality = nasbench.assess(self.bench, "random-forest", train_size=300, seed=1)
        self.assertGreater(quality["kendall_tau"]["mean"], 0.2)
        with self.assertRaises(nasbench.ModelError):
            nasbench.fit(self.bench, "oracle-of-delphi")


if __name__ == "__main__":
    unittest.main()
