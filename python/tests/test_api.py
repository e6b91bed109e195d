"""The interface of the original program."""

import collections
import contextlib
import copy
import io
import os
import random
import tempfile
import unittest
import unittest.mock

import nasbench
import official_file
from nasbench import api
from nasbench.lib import graph_util, model_spec

INPUT, OUTPUT = "input", "output"
CONV1, CONV3, POOL = "conv1x1-bn-relu", "conv3x3-bn-relu", "maxpool3x3"
OFFICIAL = [CONV3, CONV1, POOL]


class Api(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.nasbench = api.NASBench("bundled")
        cls.epochs = max(cls.nasbench.valid_epochs)
        cls.spec = api.ModelSpec([[0, 1, 0], [0, 0, 1], [0, 0, 0]], [INPUT, CONV3, OUTPUT])

    def test_a_query_is_one_repeat_and_is_paid_for(self):
        self.nasbench.reset_budget_counters()
        data = self.nasbench.query(self.spec, epochs=self.epochs)
        _, computed = self.nasbench.get_metrics_from_spec(self.spec)
        finals = [repeat["final_validation_accuracy"] for repeat in computed[self.epochs]]
        self.assertIn(data["validation_accuracy"], finals)
        time, epochs = self.nasbench.get_budget_counters()
        self.assertEqual((time, epochs), (data["training_time"], self.epochs))
        half = self.nasbench.query(self.spec, epochs=self.epochs, stop_halfway=True)
        halves = [repeat["halfway_validation_accuracy"] for repeat in computed[self.epochs]]
        self.assertIn(half["validation_accuracy"], halves)
        self.assertEqual(self.nasbench.get_budget_counters()[1], self.epochs + self.epochs // 2)
        self.nasbench.reset_budget_counters()
        self.assertEqual(self.nasbench.get_budget_counters(), (0.0, 0))

    def test_statistics_are_mappings_by_hash(self):
        hashes = list(self.nasbench.hash_iterator())
        self.assertEqual(len(hashes), len(self.nasbench.fixed_statistics))
        fixed, computed = self.nasbench.get_metrics_from_hash(hashes[0])
        self.assertEqual(str(fixed), str(self.nasbench.fixed_statistics[hashes[0]]))
        self.assertEqual(computed, self.nasbench.computed_statistics[hashes[0]])
        self.assertEqual(set(fixed), {"module_adjacency", "module_operations", "trainable_parameters"})
        self.assertEqual(set(computed), self.nasbench.valid_epochs)
        # What is given is the caller's own.
        computed.clear()
        self.assertTrue(self.nasbench.computed_statistics[hashes[0]])
        with self.assertRaises(KeyError):
            self.nasbench.get_metrics_from_hash("0" * 32)
        self.assertNotIn("0" * 32, self.nasbench.fixed_statistics)

    def test_what_is_not_of_the_space_is_refused_in_the_order_of_the_original(self):
        for matrix, ops, word in [
            ([[0, 0], [0, 0]], [INPUT, OUTPUT], "disconnected"),
            ([[0, 1], [0, 0]], [OUTPUT, OUTPUT], "first operation"),
            ([[0, 1], [0, 0]], [INPUT, INPUT], "last operation"),
            ([[0, 1, 0], [0, 0, 1], [0, 0, 0]], [INPUT, "conv9x9", OUTPUT], "unsupported op"),
            ([[int(y > x) for y in range(5)] for x in range(5)], [INPUT] + [POOL] * 3 + [OUTPUT], "too many edges"),
            ([[int(y == x + 1) for y in range(8)] for x in range(8)], [INPUT] + [POOL] * 6 + [OUTPUT], "too many vertices"),
        ]:
            spec = api.ModelSpec(matrix, ops)
            self.assertFalse(self.nasbench.is_valid(spec), word)
            with self.assertRaisesRegex(api.OutOfDomainError, word):
                self.nasbench.query(spec, epochs=self.epochs)
        with self.assertRaisesRegex(api.OutOfDomainError, "invalid number of epochs"):
            self.nasbench.query(self.spec, epochs=5)
        self.assertTrue(self.nasbench.is_valid(self.spec))

    def test_the_evolution_of_the_notebook_runs(self):
        def random_spec():
            while True:
                size = random.randint(2, 5)
                matrix = [[random.choice([0, 1]) if y > x else 0 for y in range(size)] for x in range(size)]
                spec = api.ModelSpec(matrix, [INPUT] + random.choices(OFFICIAL, k=size - 2) + [OUTPUT])
                if self.nasbench.is_valid(spec) and spec.hash_spec(OFFICIAL) in self.nasbench.fixed_statistics:
                    return spec

        def mutated(old):
            while True:
                matrix, ops = copy.deepcopy(old.original_matrix), copy.deepcopy(old.original_ops)
                size = len(ops)
                x = random.randint(0, size - 2)
                y = random.randint(x + 1, size - 1)
                matrix[x][y] = 1 - matrix[x][y]
                if size > 2:
                    ops[random.randint(1, size - 2)] = random.choice(OFFICIAL)
                spec = api.ModelSpec(matrix, ops)
                if self.nasbench.is_valid(spec):
                    return spec

        random.seed(1)
        population = collections.deque()
        best = 0.0
        for place in range(100):
            spec = random_spec() if place < 20 else mutated(max(random.sample(list(population), 5), key=lambda one: one[0])[1])
            accuracy = self.nasbench.query(spec, epochs=self.epochs)["validation_accuracy"]
            best = max(best, accuracy)
            population.append((accuracy, spec))
            if len(population) > 20:
                population.popleft()
        self.assertGreater(best, population[0][0] - 1e-9)


class Files(unittest.TestCase):
    """A file of the release is imported once into a folder beside it, or into the user's folder of caches."""

    def write(self, folder, cells=None, shift=0.0):
        cells = cells or nasbench.Space(max_vertices=4).enumerate()
        records = []
        for place, cell in enumerate(cells):
            adjacency = "".join(str(value) for row in cell.matrix for value in row)
            for repeat in range(3):
                ends = [(0.0, 0.0, 0.1, 0.1, 0.1), (54.0, 500.0, 0.8, 0.7, 0.7), (108.0, 1000.0 + repeat, 1.0, (place + repeat) / 9984, shift)]
                records.append((cell.hash, 108, adjacency, ",".join(cell.ops), official_file.metrics(ends, cell.parameters(), 1100.0)))
        file = os.path.join(folder, "nasbench_only108.tfrecord")
        official_file.write(file, records)
        return file

    def opened(self, file, seed=None):
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            return api.NASBench(file, seed), said.getvalue()

    def test_a_file_is_imported_once_and_opened_in_milliseconds_after_that(self):
        with tempfile.TemporaryDirectory() as folder:
            file = self.write(folder)
            first, said = self.opened(file, seed=3)
            self.assertIn("importing", said)
            self.assertEqual(sorted(os.listdir(folder)), ["nasbench_only108.tfrecord", "nasbench_only108.tfrecord.nasbench"])
            again, said = self.opened(file, seed=3)
            self.assertEqual((said, again.valid_epochs), ("", {108}))
            spec = api.ModelSpec([[0, 1], [0, 0]], [INPUT, OUTPUT])
            data = [again.query(spec) for _ in range(20)]
            # With a seed the repeats are those that the original draws, by `random.randint(0, 2)` after `random.seed(3)`.
            drawn = random.Random(3)
            self.assertEqual([one["training_time"] for one in data], [1000.0 + drawn.randint(0, 2) for _ in range(20)])
            self.assertEqual([first.query(spec)["training_time"] for _ in range(20)], [one["training_time"] for one in data])
            self.assertEqual(data[0]["trainable_parameters"], 882_570)
            self.assertEqual(data[0]["train_accuracy"], 1.0)
            with self.assertRaises(api.OutOfDomainError):
                again.query(spec, epochs=36)
            self.assertEqual(again.query(spec, 108, True)["training_time"], 500.0)

    def test_a_file_that_changed_is_imported_again(self):
        with tempfile.TemporaryDirectory() as folder:
            file = self.write(folder)
            self.opened(file)
            identity = [nasbench.Cell([[0, 1], [0, 0]], [INPUT, OUTPUT])]
            self.write(folder, identity, shift=0.25)
            later = os.path.getmtime(f"{file}.nasbench/benchmark.toml") + 10
            os.utime(file, (later, later))
            changed, said = self.opened(file)
            self.assertIn("importing", said)
            self.assertEqual(len(changed.fixed_statistics), 1)
            self.assertEqual(changed.query(api.ModelSpec([[0, 1], [0, 0]], [INPUT, OUTPUT]))["test_accuracy"], 0.25)

    def test_a_folder_that_cannot_be_written_is_not(self):
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as caches:
            file = self.write(folder)
            with unittest.mock.patch.dict(os.environ, XDG_CACHE_HOME=caches), unittest.mock.patch("os.access", return_value=False):
                _, said = self.opened(file)
                self.assertIn(caches, said)
                _, said = self.opened(file)
                self.assertEqual(said, "")
            self.assertEqual(os.listdir(folder), ["nasbench_only108.tfrecord"])

    def test_what_is_broken_leaves_nothing_behind(self):
        with tempfile.TemporaryDirectory() as folder:
            file = self.write(folder)
            with open(file, "r+b") as torn:
                torn.truncate(os.path.getsize(file) - 10)
            with self.assertRaises(nasbench.BenchmarkError):
                self.opened(file)
            self.assertEqual(os.listdir(folder), ["nasbench_only108.tfrecord"])
            with self.assertRaises(FileNotFoundError):
                self.opened(os.path.join(folder, "missing.tfrecord"))


class Specs(unittest.TestCase):
    def test_a_spec_is_pruned(self):
        spec = model_spec.ModelSpec([[0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]], [INPUT, CONV1, POOL, OUTPUT])
        self.assertTrue(spec.valid_spec)
        self.assertEqual([list(row) for row in spec.matrix], [[0, 1, 0], [0, 0, 1], [0, 0, 0]])
        self.assertEqual(spec.ops, [INPUT, POOL, OUTPUT])
        self.assertEqual(len(spec.original_ops), 4)
        disconnected = model_spec.ModelSpec([[0, 1, 0], [0, 0, 0], [0, 0, 0]], [INPUT, POOL, OUTPUT])
        self.assertEqual((disconnected.valid_spec, disconnected.matrix, disconnected.ops), (False, None, None))

    def test_matrices_that_are_none_are_refused(self):
        for matrix, ops in [
            ([[0, 1, 0], [0, 0, 1]], [INPUT, POOL]),
            ([[0, 1], [0, 0]], [INPUT, POOL, OUTPUT]),
            ([[0, 1], [1, 0]], [INPUT, OUTPUT]),
            ([[0, 2], [0, 0]], [INPUT, OUTPUT]),
            ([[0, 0.5], [0, 0]], [INPUT, OUTPUT]),
        ]:
            with self.assertRaises(ValueError):
                model_spec.ModelSpec(matrix, ops)

    def test_hashes_are_those_of_the_labels_in_a_list(self):
        spec = model_spec.ModelSpec([[0, 1, 0], [0, 0, 1], [0, 0, 0]], [INPUT, CONV3, OUTPUT])
        self.assertEqual(spec.hash_spec(OFFICIAL), graph_util.hash_module(spec.matrix, [-1, 0, -2]))
        self.assertEqual(spec.hash_spec([POOL, CONV3, CONV1]), graph_util.hash_module(spec.matrix, [-1, 1, -2]))
        own = model_spec.ModelSpec([[0, 1, 0], [0, 0, 1], [0, 0, 0]], ["a", "b", "c"])
        self.assertEqual(own.hash_spec(["b", "d"]), graph_util.hash_module(own.matrix, [-1, 0, -2]))


class Graphs(unittest.TestCase):
    def test_edges_are_bits(self):
        is_edge = graph_util.gen_is_edge_fn(0b101)
        self.assertEqual([is_edge(0, 1), is_edge(0, 2), is_edge(1, 2), is_edge(1, 0), is_edge(1, 1)], [1, 0, 1, 0, 0])

    def test_a_graph_is_full_if_nothing_dangles(self):
        self.assertTrue(graph_util.is_full_dag([[0, 1, 0], [0, 0, 1], [0, 0, 0]]))
        self.assertFalse(graph_util.is_full_dag([[0, 0, 1], [0, 0, 1], [0, 0, 0]]))
        self.assertFalse(graph_util.is_full_dag([[0, 1, 1], [0, 0, 0], [0, 0, 0]]))
        self.assertEqual(graph_util.num_edges([[0, 1, 1], [0, 0, 1], [0, 0, 0]]), 3)

    def test_permuted_graphs_are_isomorphic_and_have_one_hash(self):
        matrix, labels = [[0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]], [-1, 0, 1, -2]
        permuted, moved = graph_util.permute_graph(matrix, labels, [0, 2, 1, 3])
        self.assertEqual(moved, [-1, 1, 0, -2])
        self.assertTrue(graph_util.is_isomorphic((matrix, labels), (permuted, moved)))
        self.assertFalse(graph_util.is_isomorphic((matrix, labels), (matrix, [-1, 0, 0, -2])))
        self.assertEqual(graph_util.hash_module(matrix, labels), graph_util.hash_module(permuted, moved))


if __name__ == "__main__":
    unittest.main()
