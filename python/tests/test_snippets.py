"""Ten programs as users of the original write them: their calls are unchanged, but for the number of vertices, since the bundled benchmark has
cells of at most five, and the file that is opened."""

import copy
import random
import unittest

from nasbench import api

try:
    import numpy as np
except ImportError:
    np = None

INPUT, OUTPUT = "input", "output"
CONV3X3, CONV1X1, MAXPOOL3X3 = "conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"
NUM_VERTICES = 5
OP_SPOTS = NUM_VERTICES - 2
ALLOWED_OPS = [CONV3X3, CONV1X1, MAXPOOL3X3]
ALLOWED_EDGES = [0, 1]


def random_spec(nasbench):
    """A valid spec of the official sampler, with numpy as its users have it."""
    while True:
        if np is not None:
            matrix = np.triu(np.random.choice(ALLOWED_EDGES, size=(NUM_VERTICES, NUM_VERTICES)), 1)
            ops = np.random.choice(ALLOWED_OPS, size=NUM_VERTICES).tolist()
        else:
            matrix = [[random.choice(ALLOWED_EDGES) if y > x else 0 for y in range(NUM_VERTICES)] for x in range(NUM_VERTICES)]
            ops = random.choices(ALLOWED_OPS, k=NUM_VERTICES)
        ops[0], ops[-1] = INPUT, OUTPUT
        spec = api.ModelSpec(matrix=matrix, ops=ops)
        if nasbench.is_valid(spec):
            return spec


def mutate_spec(nasbench, old_spec, mutation_rate=1.0):
    while True:
        new_matrix = copy.deepcopy(old_spec.original_matrix)
        new_ops = copy.deepcopy(old_spec.original_ops)
        for src in range(NUM_VERTICES - 1):
            for dst in range(src + 1, NUM_VERTICES):
                if random.random() < mutation_rate / NUM_VERTICES:
                    new_matrix[src][dst] = 1 - new_matrix[src][dst]
        for ind in range(1, NUM_VERTICES - 1):
            if random.random() < mutation_rate / OP_SPOTS:
                new_ops[ind] = random.choice([op for op in nasbench.config["available_ops"] if op != new_ops[ind]])
        new_spec = api.ModelSpec(new_matrix, new_ops)
        if nasbench.is_valid(new_spec):
            return new_spec


class Snippets(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.nasbench = api.NASBench("bundled", seed=1)

    def setUp(self):
        random.seed(1)
        if np is not None:
            np.random.seed(1)
        self.nasbench.reset_budget_counters()

    def test_1_the_example_of_the_readme(self):
        spec = api.ModelSpec(
            matrix=[[0, 1, 1, 1, 0], [0, 0, 0, 0, 1], [0, 0, 0, 0, 1], [0, 0, 0, 0, 1], [0, 0, 0, 0, 0]],
            ops=[INPUT, CONV1X1, CONV3X3, MAXPOOL3X3, OUTPUT],
        )
        data = self.nasbench.query(spec)
        self.assertEqual([key for key, _ in data.items()][0], "module_adjacency")
        if np is not None:
            self.assertEqual((data["module_adjacency"].shape, data["module_adjacency"].dtype), ((5, 5), np.int8))

    def test_2_random_search_to_a_time_budget(self):
        times, best_valids, best_tests = [0.0], [0.0], [0.0]
        while times[-1] <= 200:
            data = self.nasbench.query(random_spec(self.nasbench))
            is_better = data["validation_accuracy"] > best_valids[-1]
            best_valids.append(data["validation_accuracy"] if is_better else best_valids[-1])
            best_tests.append(data["test_accuracy"] if is_better else best_tests[-1])
            time_spent, _ = self.nasbench.get_budget_counters()
            times.append(time_spent)
        self.assertEqual(best_valids, sorted(best_valids))

    def test_3_evolution_of_the_notebook(self):
        population, best = [], 0.0
        for _ in range(20):
            spec = random_spec(self.nasbench)
            population.append((self.nasbench.query(spec)["validation_accuracy"], spec))
        for _ in range(100):
            sample = random.sample(population, 10)
            best_spec = sorted(sample, key=lambda one: one[0])[-1][1]
            new_spec = mutate_spec(self.nasbench, best_spec)
            data = self.nasbench.query(new_spec)
            best = max(best, data["validation_accuracy"])
            population.append((data["validation_accuracy"], new_spec))
            population.pop(0)
        self.assertGreater(best, 0.3)

    def test_4_every_cell_by_its_hash(self):
        found = {}
        for unique_hash in self.nasbench.hash_iterator():
            fixed_metrics, computed_metrics = self.nasbench.get_metrics_from_hash(unique_hash)
            final = computed_metrics[max(computed_metrics)]
            found[unique_hash] = (fixed_metrics["trainable_parameters"], max(one["final_test_accuracy"] or 0 for one in final))
            if len(found) == 300:
                break
        self.assertEqual(len(found), 300)
        self.assertEqual(len(self.nasbench.hash_iterator()), len(list(self.nasbench.hash_iterator())))

    def test_5_the_dicts_as_they_are(self):
        hashes = list(self.nasbench.computed_statistics)[:50]
        epochs = max(self.nasbench.valid_epochs)
        means = [
            sum(one["final_validation_accuracy"] or 0 for one in self.nasbench.computed_statistics[key][epochs])
            / len(self.nasbench.computed_statistics[key][epochs])
            for key in hashes
        ]
        self.assertEqual(len(means), 50)
        for key, value in self.nasbench.fixed_statistics.items():
            self.assertEqual(set(value), {"module_adjacency", "module_operations", "trainable_parameters"}, key)
            break

    def test_6_a_vector_of_numbers_is_a_cell(self):
        """As HpBandSter's and HPOBench's wrappers do: an invalid cell is an error of 1."""

        def objective(config):
            matrix = [[0] * NUM_VERTICES for _ in range(NUM_VERTICES)]
            places = [(x, y) for x in range(NUM_VERTICES) for y in range(x + 1, NUM_VERTICES)]
            for bit, (x, y) in zip(config["edges"], places):
                matrix[x][y] = bit
            if np is not None:
                matrix = np.array(matrix, dtype=np.int8)
            spec = api.ModelSpec(matrix, [INPUT, *config["ops"], OUTPUT])
            try:
                data = self.nasbench.query(spec, epochs=max(self.nasbench.valid_epochs))
            except api.OutOfDomainError:
                return 1
            return 1 - data["validation_accuracy"]

        errors = [
            objective({"edges": [random.randint(0, 1) for _ in range(10)], "ops": random.choices(ALLOWED_OPS, k=3)}) for _ in range(50)
        ]
        self.assertIn(1, errors)
        self.assertLess(min(errors), 0.7)

    def test_7_halfway_and_small_budgets(self):
        spec = random_spec(self.nasbench)
        rungs = sorted(self.nasbench.valid_epochs)
        values = [self.nasbench.query(spec, epochs=rung, stop_halfway=True)["training_time"] for rung in rungs]
        self.assertEqual(self.nasbench.get_budget_counters()[1], sum(rung // 2 for rung in rungs))
        self.assertEqual(len(values), len(rungs))

    def test_8_nasprojects_that_hand_the_module_and_the_object_around(self):
        """As NASLib does: `dataset_api["api"].ModelSpec`, `dataset_api["nb101_data"].is_valid` and `query`."""
        dataset_api = {"api": api, "nb101_data": self.nasbench}
        for unique_hash in list(dataset_api["nb101_data"].hash_iterator())[:20]:
            fixed, _ = dataset_api["nb101_data"].get_metrics_from_hash(unique_hash)
            spec = dataset_api["api"].ModelSpec(matrix=fixed["module_adjacency"], ops=fixed["module_operations"])
            self.assertTrue(dataset_api["nb101_data"].is_valid(spec))
            self.assertIsInstance(dataset_api["nb101_data"].query(spec)["training_time"] * 100, float)

    def test_9_duplicates_are_found_by_the_hash_of_a_spec(self):
        seen = set()
        for _ in range(100):
            seen.add(random_spec(self.nasbench).hash_spec(ALLOWED_OPS))
        self.assertLess(len(seen), 100)
        self.assertTrue(all(key in self.nasbench.fixed_statistics for key in seen))

    def test_10_the_mean_of_all_repeats_is_regret(self):
        """As DEHB and BANANAS do: searches see one repeat, their regret is of means."""

        def mean_test(spec):
            _, computed = self.nasbench.get_metrics_from_spec(spec)
            return sum(one["final_test_accuracy"] or 0 for one in computed[max(computed)]) / len(computed[max(computed)])

        specs = [random_spec(self.nasbench) for _ in range(30)]
        best = max(specs, key=lambda spec: self.nasbench.query(spec)["validation_accuracy"])
        self.assertGreaterEqual(max(map(mean_test, specs)) - mean_test(best), 0)


if __name__ == "__main__":
    unittest.main()
