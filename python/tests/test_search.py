"""Searches: ours, one written here, ours in a loop of one's own, and comparisons."""

import os
import random
import signal
import threading
import time
import unittest

import nasbench
from nasbench import testing


class Climber:
    """Mutates the best cell so far."""

    def __init__(self, setup):
        self.space, self.best = setup.space, None

    def ask(self, room, rng):
        if self.best is None:
            return self.space.sample(1, seed=rng.randrange(2**63))
        neighbours = self.best.cell.neighbours(self.space)
        return [rng.choice(sorted(neighbours, key=lambda cell: cell.hash))]

    def tell(self, trials):
        for trial in trials:
            if self.best is None or (trial.validation_accuracy or 0) >= (self.best.validation_accuracy or 0):
                self.best = trial


class Draws:
    """Random search that keeps all promises: among the recorded cells, and without replacement if that is the rule."""

    def __init__(self, setup):
        self.setup, self.left = setup, None

    def ask(self, room, rng):
        is_once = self.setup.duplicates == "never"
        if self.setup.cells is None and not is_once:
            return self.setup.space.sample(1, seed=rng.randrange(2**63))
        if self.left is None:
            self.left = list(self.setup.cells if self.setup.cells is not None else self.setup.space.enumerate())
            rng.shuffle(self.left)
        if is_once:
            return [self.left.pop()] if self.left else []
        return [rng.choice(self.left)]

    def tell(self, trials):
        pass


class Searches(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bench = nasbench.open()

    def test_a_search_repeats_itself(self):
        one = nasbench.search("regularized-evolution", self.bench, budget=60, seed=3, population_size=10, tournament_size=3)
        other = nasbench.search("regularized-evolution", self.bench, budget="60evals", seed=3, population_size=10, tournament_size=3)
        cells = [trial.cell for trial in one.trials]
        self.assertEqual((len(one), cells), (60, [trial.cell for trial in other.trials]))
        best = max(trial.validation_accuracy or 0 for trial in one.trials)
        self.assertEqual(one.best.validation_accuracy, best)
        self.assertEqual(one.incumbents[-1][1].cell, one.best.cell)

    def test_wrong_names_options_and_budgets_are_said(self):
        for wrong in (
            lambda: nasbench.search("annealing", self.bench),
            lambda: nasbench.search("random", self.bench, speed=3),
            lambda: nasbench.search("random", self.bench, objectives=["error", "size"]),
        ):
            with self.assertRaises(nasbench.SearchError):
                wrong()
        for wrong in ("many", "-3", None.__class__):
            with self.assertRaises((ValueError, TypeError)):
                nasbench.search("random", self.bench, budget=wrong)
        with self.assertRaises(TypeError):
            nasbench.search("random", 7)

    def test_a_search_of_ones_own_runs_in_our_loop(self):
        history = nasbench.search(Climber, self.bench, budget=40, seed=1)
        again = nasbench.search(Climber, self.bench, budget=40, seed=1)
        self.assertEqual([trial.cell for trial in history.trials], [trial.cell for trial in again.trials])
        self.assertEqual(len(history), 40)

    def test_its_exception_ends_the_run_as_it_was(self):
        class Broken(Climber):
            def ask(self, room, rng):
                raise ZeroDivisionError("by hand")

        with self.assertRaisesRegex(ZeroDivisionError, "by hand"):
            nasbench.search(Broken, self.bench, budget=10)
        with self.assertRaisesRegex(ZeroDivisionError, "by hand"):
            nasbench.compare(["random", Broken], self.bench, budget=10, runs=2)

        class Stray(Climber):
            def ask(self, room, rng):
                return [nasbench.Space().sample(1, seed=1, sampler="uniform")[0]]

        with self.assertRaises(nasbench.CellError):
            nasbench.search(Stray, self.bench, budget=10)

        class Greedy(Climber):
            def ask(self, room, rng):
                return self.space.sample(room + 1, seed=1)

        with self.assertRaises(nasbench.SearchError):
            nasbench.search(Greedy, self.bench, budget=10)
        with self.assertRaises(TypeError):
            nasbench.search(object, self.bench, budget=10)

    def test_a_searcher_that_keeps_its_promises_passes(self):
        testing.check_searcher(Draws)
        nasbench.testing.check_searcher(lambda setup: Draws(setup))

    def test_a_searcher_that_does_not_keep_its_promises_is_found(self):
        class Broken(Draws):
            def ask(self, room, rng):
                raise ZeroDivisionError("by hand")

        with self.assertRaises(nasbench.SearchError) as raised:
            testing.check_searcher(Broken)
        self.assertIsInstance(raised.exception.__cause__, ZeroDivisionError)

        class Stray(Draws):
            def ask(self, room, rng):
                return nasbench.Space().sample(1, seed=rng.randrange(2**63))

        with self.assertRaises(nasbench.SearchError):
            testing.check_searcher(Stray)

        class Forgetful(Climber):
            def ask(self, room, rng):
                return [random.choice(self.space.sample(50))]

        with self.assertRaisesRegex(nasbench.SearchError, "does not repeat itself"):
            testing.check_searcher(Forgetful)

    def test_ours_runs_in_a_loop_of_ones_own(self):
        searcher = nasbench.Searcher("regularized-evolution", nasbench.Space(max_vertices=5), population_size=5, tournament_size=2, seed=2)
        best = 0.0
        for _ in range(30):
            asked = searcher.ask()
            answers = [self.bench.query(cell, repeat=0)["validation_accuracy"] for cell, _ in asked]
            best = max([best, *answers])
            searcher.tell(answers)
        self.assertGreater(best, 0.4)
        searcher.ask()
        with self.assertRaises(nasbench.SearchError):
            searcher.ask()
        with self.assertRaises(nasbench.SearchError):
            searcher.tell([0.5, 0.5])

    def test_a_searcher_may_be_asked_by_any_thread(self):
        searcher = nasbench.Searcher("random", nasbench.Space(max_vertices=4), seed=1)
        found = []
        for _ in range(4):
            thread = threading.Thread(target=lambda: (found.extend(searcher.ask()), searcher.tell([0.5])))
            thread.start()
            thread.join()
        self.assertEqual(len(found), 4)
        for wrong in ([1.5], [-0.1], [float("nan")]):
            searcher.ask()
            with self.assertRaises(ValueError):
                searcher.tell(wrong)
            searcher.tell([None])
        searcher.ask()
        with self.assertRaises(ValueError):
            searcher.tell([0.5], [-1.0])

    def test_progress_is_told_and_what_it_raises_ends_the_search(self):
        told = []
        nasbench.search("random", self.bench, budget=20, progress=lambda done, of: told.append((done, of)))
        self.assertEqual((told[-1], len(told) >= 1), ((20, 20), True))

        def broken(done, of):
            raise ZeroDivisionError("by hand")

        for algorithm in ("random", Climber):
            with self.assertRaisesRegex(ZeroDivisionError, "by hand"):
                nasbench.search(algorithm, self.bench, budget=2_000, progress=broken)
        with self.assertRaisesRegex(ZeroDivisionError, "by hand"):
            nasbench.compare(["random", "local-search"], self.bench, budget=20, runs=3, progress=broken)
        with self.assertRaisesRegex(TypeError, "progress is 7"):
            nasbench.search("random", self.bench, budget=5, progress=7)
        self.assertEqual(len(nasbench.search("random", self.bench, budget=5, progress=True)), 5)

    def test_ctrl_c_ends_a_search_and_a_comparison(self):
        # What a shell starts in the background ignores it.
        self.addCleanup(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, signal.default_int_handler))
        for work in (
            lambda: nasbench.search("random", self.bench, budget=100_000_000),
            lambda: nasbench.compare(["random", "regularized-evolution"], self.bench, budget=100_000, runs=10_000),
            lambda: nasbench.search(Climber, self.bench, budget=10_000_000),
        ):
            timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
            timer.start()
            started = time.monotonic()
            with self.assertRaises(KeyboardInterrupt):
                work()
            self.assertLess(time.monotonic() - started, 30)
            timer.join()

    def test_a_search_has_a_table_for_notebooks(self):
        history = nasbench.search("random", self.bench, budget=10)
        self.assertIn("<table>", history._repr_html_())
        self.assertIn(history.best.cell.hash, history._repr_html_())

    def test_searches_in_python_run_side_by_side(self):
        found = []
        threads = [threading.Thread(target=lambda: found.append(nasbench.search(Climber, self.bench, budget=30, seed=4))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        cells = [[trial.cell for trial in history.trials] for history in found]
        self.assertEqual(cells, [cells[0]] * 4)

    def test_fronts_are_searched(self):
        history = nasbench.search("nsga-2", self.bench, budget=150, seed=1, objectives=["error", "parameters"], population_size=20)
        front = history.front()
        self.assertGreaterEqual(len(front), 3)
        self.assertTrue(all(set(values) == {"error", "parameters"} for _, values in front))

    def test_algorithms_are_compared_with_ones_own(self):
        finished = []
        compared = nasbench.compare(
            ["random", ("regularized-evolution", {"population_size": 10, "tournament_size": 3}), ("mine", Climber)],
            self.bench,
            budget=30,
            runs=5,
            progress=lambda done, of: finished.append((done, of)),
        )
        self.assertEqual(max(finished), (15, 15))
        names = [algorithm["name"] for algorithm in compared.summary["tasks"][0]["algorithms"]]
        self.assertEqual(names, ["random", "regularized-evolution (population_size=10, tournament_size=3)", "mine"])
        self.assertIn("mine", str(compared))
        self.assertTrue(compared._repr_html_().startswith("<iframe"))
        self.assertIn("<svg", compared.page)

    def test_models_are_searched_too(self):
        model = nasbench.fit(self.bench, train_size=200)
        self.assertEqual(len(nasbench.search("local-search", model, budget=50)), 50)


if __name__ == "__main__":
    unittest.main()
