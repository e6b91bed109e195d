"""What the unit tests of the original program ask of graphs and specs, case by case, with graphs as lists of edges.

`nasbench/tests/graph_util_test.py` and `model_spec_test.py` of google-research/nasbench have the same names of tests. They run unchanged against
this package, but for the base class `tf.test.TestCase`, of which they use what `unittest.TestCase` has.
"""

import random
import unittest

from nasbench.lib import graph_util, model_spec

try:
    import numpy
except ImportError:
    numpy = None


def graph(size, edges):
    """A matrix of a text of edges such as "01 12"."""
    rows = [[int(f"{x}{y}" in edges.split()) for y in range(size)] for x in range(size)]
    return rows if numpy is None else numpy.array(rows)


def rows(matrix):
    return matrix.tolist() if hasattr(matrix, "tolist") else [list(row) for row in matrix]


# The two cubic graphs of six inner vertices, and a cube in two numberings.
PRISM = graph(8, "01 12 13 16 24 25 34 35 46 56 67")
OTHER_PRISM = graph(8, "01 12 13 15 24 26 34 35 46 56 67")
CUBE = "04 05 06 14 15 17 24 26 27 35 36 37"
OTHER_CUBE = "01 03 04 12 15 23 26 37 45 47 56 67"


def both_ways(edges):
    return " ".join(f"{edge} {edge[::-1]}" for edge in edges.split())


class GraphUtil(unittest.TestCase):
    def test_gen_is_edge(self):
        cases = [(0, 3, ""), (3, 3, "01 02"), (5, 3, "01 12"), (7, 3, "01 02 12"), (7, 4, "01 02 12"), (18, 4, "02 13"), (35, 4, "01 02 23")]
        for bits, size, edges in cases:
            is_edge = graph_util.gen_is_edge_fn(bits)
            one_by_one = [[is_edge(x, y) for y in range(size)] for x in range(size)]
            self.assertEqual(one_by_one, rows(graph(size, edges)), bits)
            if numpy is not None:
                whole = numpy.fromfunction(graph_util.gen_is_edge_fn(bits), (size, size), dtype=numpy.int8)
                self.assertTrue(numpy.array_equal(whole, graph(size, edges)), bits)
        # The last edge of seven vertices is bit 20, beyond the numbers of int8.
        if numpy is not None:
            whole = numpy.fromfunction(graph_util.gen_is_edge_fn(1 << 20), (7, 7), dtype=numpy.int8)
            self.assertTrue(numpy.array_equal(whole, graph(7, "56")))

    def test_is_full_dag(self):
        for size, edges in [(3, "01 12"), (3, "01 02 12"), (4, "01 02 13 23")]:
            self.assertTrue(graph_util.is_full_dag(graph(size, edges)), edges)
        for size, edges in [(3, "02 12"), (3, "01 02"), (5, "02 13 24"), (4, "02 13"), (4, "01 13")]:
            self.assertFalse(graph_util.is_full_dag(graph(size, edges)), edges)

    def test_hash_module(self):
        diamond = graph(4, "01 02 13 23")
        self.assertEqual(graph_util.hash_module(diamond, [-1, 1, 2, -2]), graph_util.hash_module(diamond, [-1, 2, 1, -2]))
        one, other, third = graph(5, "01 02 14 23 34"), graph(5, "01 03 12 24 34"), graph(5, "01 02 13 24 34")
        expected = graph_util.hash_module(one, [-1, 1, 2, 3, -2])
        self.assertEqual(expected, graph_util.hash_module(other, [-1, 2, 3, 1, -2]))
        self.assertEqual(expected, graph_util.hash_module(third, [-1, 2, 1, 3, -2]))
        self.assertNotEqual(expected, graph_util.hash_module(one, [-1, 2, 3, 1, -2]))
        self.assertNotEqual(expected, graph_util.hash_module(one, [-1, 2, 1, 3, -2]))
        labels = [-1, 1, 1, 1, 1, 1, 1, -2]
        self.assertNotEqual(graph_util.hash_module(PRISM, labels), graph_util.hash_module(OTHER_PRISM, labels))
        # Cases that need the vertex itself, the direction of edges, and both of its sides.
        line, triangle, wide = graph(5, "01 12 23 34"), graph(4, "01 03 12 23"), graph(7, "01 02 03 04 12 26 35 45 56")
        for matrix, labels, others in [
            (line, [-1, 1, 0, 0, -2], [-1, 0, 0, 1, -2]),
            (triangle, [-1, 1, 0, -2], [-1, 0, 1, -2]),
            (wide, [-1, 1, 0, 0, 0, 0, -2], [-1, 0, 0, 0, 1, 0, -2]),
        ]:
            self.assertNotEqual(graph_util.hash_module(matrix, labels), graph_util.hash_module(matrix, others))

    def test_permute_graph(self):
        matrix, labels = graph(3, "00 01 12 20 22"), ["a", "b", "c"]
        for permutation, edges, moved in [([2, 0, 1], "01 11 12 20 22", ["b", "c", "a"]), ([0, 2, 1], "00 02 10 11 21", ["a", "c", "b"])]:
            permuted, found = graph_util.permute_graph(matrix, labels, permutation)
            self.assertEqual((rows(permuted), found), (rows(graph(3, edges)), moved))

    def test_is_isomorphic(self):
        diamond = graph(4, "01 02 13 23")
        self.assertTrue(graph_util.is_isomorphic((diamond, [-1, 1, 2, -2]), (diamond, [-1, 2, 1, -2])))
        one, other, third = graph(5, "01 02 14 23 34"), graph(5, "01 03 12 24 34"), graph(5, "01 02 13 24 34")
        self.assertTrue(graph_util.is_isomorphic((one, [-1, 1, 2, 3, -2]), (other, [-1, 2, 3, 1, -2])))
        self.assertTrue(graph_util.is_isomorphic((one, [-1, 1, 2, 3, -2]), (third, [-1, 2, 1, 3, -2])))
        self.assertFalse(graph_util.is_isomorphic((one, [-1, 1, 2, 3, -2]), (other, [-1, 1, 2, 3, -2])))
        labels = [-1, 1, 1, 1, 1, 1, 1, -2]
        self.assertFalse(graph_util.is_isomorphic((PRISM, labels), (OTHER_PRISM, labels)))
        cube, numbered = graph(8, both_ways(CUBE)), graph(8, both_ways(OTHER_CUBE))
        permuted, moved = graph_util.permute_graph(cube, [1] * 8, [0, 5, 7, 2, 4, 1, 3, 6])
        self.assertEqual((rows(permuted), moved), (rows(numbered), [1] * 8))
        self.assertTrue(graph_util.is_isomorphic((cube, [1] * 8), (numbered, [1] * 8)))
        self.assertTrue(graph_util.is_isomorphic((cube, [1, 1, 1, 1, 2, 2, 2, 2]), (numbered, [1, 2, 1, 2, 2, 1, 2, 1])))

    def test_random_isomorphism_hashing(self):
        random.seed(1)
        for _ in range(200):
            size = random.randint(3, 20)
            matrix = [[random.randint(0, 1) for _ in range(size)] for _ in range(size)]
            labels = [random.randint(0, 10) for _ in range(size)]
            permuted = graph_util.permute_graph(matrix, labels, random.sample(range(size), size))
            self.assertEqual(graph_util.hash_module(matrix, labels), graph_util.hash_module(*permuted))


class ModelSpec(unittest.TestCase):
    def spec(self, size, edges, ops):
        return model_spec.ModelSpec(graph(size, edges), ops)

    def test_prune_noop(self):
        # Operations may be anything until they are looked up.
        for size, edges in [(3, "01 12"), (3, "01 02 12"), (4, "01 02 13 23")]:
            spec = self.spec(size, edges, [0] * size)
            self.assertTrue(spec.valid_spec)
            self.assertEqual((rows(spec.matrix), spec.ops), (rows(spec.original_matrix), spec.original_ops))

    def test_prune_islands_and_dangling(self):
        for size, edges, kept in [(4, "01 13", [1, 2, 4]), (5, "01 14 23", [1, 2, 5]), (4, "01 02 23", [1, 3, 4]), (4, "02 13 23", [1, 3, 4])]:
            spec = self.spec(size, edges, list(range(1, size + 1)))
            self.assertTrue(spec.valid_spec)
            self.assertEqual((rows(spec.matrix), spec.ops), ([[0, 1, 0], [0, 0, 1], [0, 0, 0]], kept))

    def test_prune_disconnected(self):
        for size, edges in [(2, ""), (4, "01 23"), (4, "12")]:
            self.assertFalse(self.spec(size, edges, list(range(size))).valid_spec)

    def test_is_upper_triangular(self):
        for size, edges in [(4, ""), (4, "01 02 03 12 13 23"), (1, "")]:
            self.assertTrue(model_spec.is_upper_triangular(graph(size, edges)))
        for size, edges in [(4, "01 02 03 12 13 20 23"), (4, "20"), (4, "00 10 11 20 21 22 30 31 32 33"), (1, "00")]:
            self.assertFalse(model_spec.is_upper_triangular(graph(size, edges)))


if __name__ == "__main__":
    unittest.main()
