"""Cells and spaces."""

import copy
import pickle
import unittest

import nasbench

CHAIN = ([[0, 1, 0], [0, 0, 1], [0, 0, 0]], ["input", "conv3x3-bn-relu", "output"])
INCEPTION = (
    [
        [0, 1, 1, 1, 0, 1, 0],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 1, 0, 0],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 0],
    ],
    ["input", "conv1x1-bn-relu", "conv3x3-bn-relu", "conv3x3-bn-relu", "conv3x3-bn-relu", "maxpool3x3", "output"],
)


def resnet_like():
    """The chain of two convolutions with a way past them: by hand, one of the official README's."""
    return nasbench.Cell(
        [[0, 1, 0, 1], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]],
        ["input", "conv3x3-bn-relu", "conv3x3-bn-relu", "output"],
    )


class Cells(unittest.TestCase):
    def test_the_identity_has_its_official_hash_and_parameters(self):
        cell = nasbench.Cell([[0, 1], [0, 0]], ["input", "output"])
        self.assertEqual(cell.hash, "043721b9c7fe8c5fad811d47d83132ec")
        self.assertEqual(cell.parameters(), 882_570)
        self.assertEqual((cell.vertices, cell.edges, cell.ops), (2, 1, ["input", "output"]))
        self.assertEqual(cell.matrix, [[0, 1], [0, 0]])

    def test_matrices_of_any_kind_are_one_cell(self):
        matrix, ops = CHAIN
        expected = nasbench.Cell(matrix, ops)
        forms = [
            tuple(tuple(row) for row in matrix),
            [[bool(value) for value in row] for row in matrix],
            [[float(value) for value in row] for row in matrix],
            "010001000",
        ]
        try:
            import numpy
        except ImportError:
            pass
        else:
            forms += [numpy.array(matrix, dtype=kind) for kind in ("int8", "uint8", "int32", "int64", "bool", "float32", "float64")]
            forms.append([numpy.array(row) for row in matrix])
        for form in forms:
            self.assertEqual(nasbench.Cell(form, ops), expected, form)
        self.assertEqual(nasbench.Cell(matrix, tuple(ops)), expected)
        self.assertEqual(nasbench.Cell(matrix, ["conv3x3"]), expected)

    def test_what_is_no_cell_is_an_error_that_says_why(self):
        matrix, ops = CHAIN
        wrong = [
            (([[0, 1], [0, 0], [0, 0]], ops), "row"),
            (([], []), ""),
            (([[]], ops), ""),
            (([0, 1, 0], ops), "row"),
            (([[[0], [1]], [[0], [0]]], ["input", "output"]), "[0]"),
            (([[0, -1, 0], [0, 0, 1], [0, 0, 0]], ops), "-1"),
            (([[0, 2**70, 0], [0, 0, 1], [0, 0, 0]], ops), str(2**70)),
            (([[0, float("nan"), 0], [0, 0, 1], [0, 0, 0]], ops), "nan"),
            (([[0, "1", 0], [0, 0, 1], [0, 0, 0]], ops), "'1'"),
            (([[0, 1j, 0], [0, 0, 1], [0, 0, 0]], ops), "1j"),
            (([[0, None, 0], [0, 0, 1], [0, 0, 0]], ops), "None"),
            (([[int(y > x) for y in range(7)] for x in range(7)], ["input"] + ["maxpool3x3"] * 5 + ["output"]), "edges"),
            (([[int(y == x + 1) for y in range(9)] for x in range(9)], ["input"] + ["maxpool3x3"] * 7 + ["output"]), "vertices"),
            (([[int(y == x + 1) for y in range(99)] for x in range(99)], ["input"] + ["maxpool3x3"] * 97 + ["output"]), ""),
            ((matrix, ["output", "conv3x3-bn-relu", "input"]), "input"),
            ((matrix, ["input", "conv3x3-bn-relu", "output", "output"]), ""),
            ((matrix, ["input", "output"]), ""),
            ((matrix, ["input", "conv9x9", "output"]), "conv9x9"),
            (([[0, 2, 0], [0, 0, 1], [0, 0, 0]], ops), "2"),
            (([[0, 0.5, 0], [0, 0, 1], [0, 0, 0]], ops), "0.5"),
            (([[0, 0, 0], [0, 0, 1], [0, 0, 0]], ops), "input"),
            (([[0, 1, 0], [1, 0, 1], [0, 0, 0]], ops), "upper"),
            ((matrix, ["input", 3, "output"]), "3"),
        ]
        for arguments, word in wrong:
            with self.assertRaises(nasbench.CellError) as raised:
                nasbench.Cell(*arguments)
            self.assertIn(word, str(raised.exception))
        for arguments in [(5, ops), (matrix, 5), (None, ops)]:
            with self.assertRaises((TypeError, nasbench.CellError)):
                nasbench.Cell(*arguments)
        self.assertTrue(issubclass(nasbench.CellError, ValueError))

    def test_isomorphic_cells_are_equal_and_copies_too(self):
        one = nasbench.Cell("0110000100010000", ["conv3x3", "maxpool3x3"])
        other = nasbench.Cell("0110000100010000", ["maxpool3x3", "conv3x3"])
        self.assertEqual(one, other)
        self.assertEqual(len({one, other}), 1)
        for copied in (copy.deepcopy(one), pickle.loads(pickle.dumps(one)), eval(repr(one), {"Cell": nasbench.Cell})):
            self.assertEqual((copied, copied.matrix), (one, one.matrix))

    def test_costs_depend_on_the_network(self):
        cell = resnet_like()
        self.assertEqual(cell.parameters(), nasbench.Cell(cell.matrix, cell.ops).parameters())
        self.assertLess(cell.parameters(channels=16), cell.parameters())
        self.assertLess(cell.flops(image=(1, 14, 14)), cell.flops())
        with self.assertRaisesRegex(ValueError, "a network has no `width`"):
            cell.parameters(width=3)

    def test_cells_have_neighbours_encodings_and_a_drawing(self):
        cell = resnet_like()
        neighbours = cell.neighbours()
        self.assertNotIn(cell, neighbours)
        self.assertEqual(len(neighbours), len(set(neighbours)))
        self.assertTrue(all(isinstance(value, float) for value in cell.encode("statistics")))
        self.assertTrue(cell._repr_svg_().startswith("<svg"))

    def test_spaces_are_counted_drawn_and_limited(self):
        space = nasbench.Space(max_vertices=5)
        self.assertEqual(len(space.enumerate()), 2_532)
        drawn = space.sample(20, seed=3)
        self.assertEqual(drawn, space.sample(20, seed=3))
        self.assertTrue(all(cell in space for cell in drawn))
        self.assertNotIn(nasbench.Cell(*INCEPTION), space)
        with self.assertRaises(nasbench.CellError):
            nasbench.Cell(*INCEPTION, space=space)
        with self.assertRaisesRegex(nasbench.CellError, "unknown sampler"):
            space.sample(sampler="dice")


if __name__ == "__main__":
    unittest.main()
