"""The bundled benchmark: look-ups, tables, SQL, fronts, models."""

import os
import shutil
import signal
import tempfile
import threading
import time
import traceback
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
        self.assertEqual(expected["module_adjacency"], [[0, 1, 0], [0, 0, 1], [0, 0, 0]])
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
        answer = self.bench.sql("select vertices, count(*) as models from records group by vertices order by vertices")
        rows = answer.to_pylist()
        self.assertEqual((answer.columns, len(answer), list(answer)), (["vertices", "models"], len(rows), rows))
        self.assertEqual(self.bench.sql("select vertices from records where vertices > 99").to_pylist(), [])
        mixed = self.bench.sql("select module_hash, seed, final_validation_accuracy, curve_train_loss, null as nothing from records limit 3")
        self.assertEqual([type(value) for value in mixed.to_pylist()[0].values()], [str, int, float, list, type(None)])
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
        self.assertEqual(pyarrow.table(answer).to_pylist(), rows)
        self.assertEqual(pyarrow.table(mixed).to_pylist(), mixed.to_pylist())
        whole = pyarrow.table(self.bench.table())
        self.assertEqual(whole.num_rows, len(table))
        self.assertEqual(sum(1 for vertices in read["vertices"].to_pylist() if vertices == 5), rows[-1]["models"])

    def test_a_table_has_columns(self):
        with self.assertRaisesRegex(ValueError, "`columns` is empty"):
            self.bench.table([])

    def test_the_front_is_a_front(self):
        front = self.bench.front(["error", "parameters"])
        values = [(found["error"], found["parameters"]) for _, found in front]
        for one in values:
            self.assertFalse(any(other[0] <= one[0] and other[1] <= one[1] and other != one for other in values))
        small = self.bench.front(["error", "parameters"], limits=["parameters<=4500"])
        self.assertTrue(all(found["parameters"] <= 4_500 for _, found in small))
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

    def test_a_closed_benchmark_says_so(self):
        with nasbench.open() as bench:
            answer = bench.query(CHAIN)
            table = bench.table(["vertices"])
            self.assertFalse(bench.closed)
        self.assertTrue(bench.closed)
        bench.close()
        for asked in (
            lambda: bench.query(CHAIN),
            bench.cells,
            bench.info,
            bench.table,
            lambda: bench.sql("select 1"),
            lambda: bench.front(["error", "parameters"]),
            lambda: nasbench.search("random", bench, budget=3),
            lambda: nasbench.fit(bench),
            lambda: nasbench.compare(["random", "local-search"], bench, budget=3, runs=2),
            lambda: len(bench),
            bench.__enter__,
        ):
            with self.assertRaisesRegex(nasbench.BenchmarkError, "is closed"):
                asked()
        # What was answered stays.
        self.assertEqual((answer["trainable_parameters"] > 0, len(table) > 0), (True, True))
        self.assertIn("nasbench.open(", repr(bench))

    def test_a_benchmark_may_change_under_an_open_handle(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "bench"
            shutil.copytree(self.bench.path, path)
            bench = nasbench.open(path)
            before = bench.query(CHAIN, repeat="all")
            rows = len(bench.table(["epochs"]))
            os.remove(path / "records.parquet")
            # Look-ups have read it; what reads the files says what is not there, or has nothing.
            self.assertEqual(bench.query(CHAIN, repeat="all"), before)
            try:
                self.assertLess(len(bench.table(["epochs"])), rows)
            except nasbench.BenchmarkError as error:
                self.assertIn("no rows", str(error))
            (path / "records.parquet").write_bytes(b"PAR1 nonsense PAR1")
            with self.assertRaises(nasbench.BenchmarkError):
                bench.table(["epochs"])
            with self.assertRaises(nasbench.BenchmarkError):
                bench.sql("select count(*) from records")
            self.assertEqual(bench.query(CHAIN, repeat="all"), before)
            shutil.rmtree(path)
            for asked in (bench.table, bench.info, lambda: bench.sql("select count(*) from records")):
                try:
                    asked()
                except nasbench.BenchmarkError:
                    pass
            self.assertEqual(bench.query(CHAIN, repeat="all"), before)
            with self.assertRaises(nasbench.BenchmarkError):
                nasbench.open(path)

    @unittest.skipUnless(hasattr(os, "fork"), "this system has no fork")
    def test_a_forked_process_works_or_says_why_not(self):
        expected = self.bench.query(CHAIN)
        best = self.bench.front(["error", "parameters"])[0][0].hash
        self.bench.sql("select count(*) from records")
        searcher = nasbench.Searcher("random", nasbench.Space(max_vertices=4))

        def in_child():
            assert self.bench.query(CHAIN) == expected
            # What uses many threads has its own ones there.
            assert self.bench.front(["error", "parameters"])[0][0].hash == best
            assert len(nasbench.search("random", self.bench, budget=10)) == 10
            model = nasbench.fit(self.bench, "random-forest", train_size=100)
            assert len(model.predict(self.bench.cells()[:10])["mean"]) == 10
            assert len(nasbench.Searcher("smac", nasbench.Space(max_vertices=4)).ask()) == 1
            assert len(expected["module_adjacency"]) == len(nasbench.Cell(expected["module_adjacency"], expected["module_operations"]).matrix)
            assert len(CHAIN.neighbours()) > 0 and len(CHAIN.encode("statistics")) > 0
            for asked, word in ((lambda: self.bench.sql("select count(*) from records"), "forked"), (searcher.ask, "forked")):
                try:
                    asked()
                except nasbench.NasbenchError as error:
                    assert word in str(error)
                else:
                    raise AssertionError("it should have said that it was forked")

        child = os.fork()
        if child == 0:
            code = 1
            try:
                in_child()
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        waited = time.monotonic()
        while time.monotonic() < waited + 120:
            found, status = os.waitpid(child, os.WNOHANG)
            if found:
                break
            time.sleep(0.05)
        else:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            self.fail("the forked process hangs")
        self.assertEqual(status, 0)
        self.assertEqual(len(searcher.ask()), 1)

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
