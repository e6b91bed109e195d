"""Model specs as the original `nasbench.lib.model_spec` has them."""

import copy

from nasbench._nasbench import Cell
from nasbench.errors import CellError
from nasbench.lib import graph_util

__all__ = ["ModelSpec", "is_upper_triangular"]

_OFFICIAL = ["conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"]


def _array(matrix):
    """A matrix as an array of numpy where that is installed, else as lists."""
    try:
        import numpy
    except ImportError:
        return [list(row) for row in (matrix.tolist() if hasattr(matrix, "tolist") else matrix)]
    return numpy.array(matrix)


def _integer(value):
    if value not in (0, 1):
        raise ValueError(f"the matrix has the value {value!r}, expected 0 or 1")
    return int(value)


def is_upper_triangular(matrix):
    """Whether every edge goes to a later vertex."""
    rows = matrix.tolist() if hasattr(matrix, "tolist") else matrix
    return all(not rows[x][y] for x in range(len(rows)) for y in range(x + 1))


class ModelSpec:
    """A matrix and the operations of its vertices, pruned to what lies on a path from the input to the output.

    `valid_spec` is whether anything does; then `matrix` and `ops` are what is left, else None.
    """

    def __init__(self, matrix, ops, data_format="channels_last"):
        rows = matrix.tolist() if hasattr(matrix, "tolist") else [list(row) for row in matrix]
        size = len(rows)
        if any(len(row) != size for row in rows):
            raise ValueError("matrix must be square")
        if len(ops) != size:
            raise ValueError(f"length of ops must match matrix dimensions: {len(ops)} operations, {size} vertices")
        rows = [[_integer(value) for value in row] for row in rows]
        if not is_upper_triangular(rows):
            raise ValueError("matrix must be upper triangular")
        self.original_matrix = _array(matrix)
        self.original_ops = copy.copy(list(ops))
        self.data_format = data_format
        kept = self._kept(rows)
        self.valid_spec = len(kept) > 1
        self.matrix = _array([[rows[x][y] for y in kept] for x in kept]) if self.valid_spec else None
        self.ops = [self.original_ops[vertex] for vertex in kept] if self.valid_spec else None
        self._cell = None

    @staticmethod
    def _kept(rows):
        """The vertices that the input reaches and that reach the output."""
        size = len(rows)
        reached, reaching = {0}, {size - 1}
        for y in range(size):
            if any(rows[x][y] for x in reached if x < y):
                reached.add(y)
        for x in reversed(range(size)):
            if any(rows[x][y] for y in reaching if y > x):
                reaching.add(x)
        return sorted(reached & reaching)

    def hash_spec(self, canonical_ops):
        """The hash of the pruned graph, with operations numbered as in a list."""
        if list(canonical_ops) == _OFFICIAL and (cell := self.cell()) is not None:
            return cell.hash
        labeling = [-1] + [list(canonical_ops).index(op) for op in self.ops[1:-1]] + [-2]
        return graph_util.hash_module(self.matrix, labeling)

    def cell(self):
        """The spec as a `nasbench.Cell`; None if it is none of NAS-Bench-101's space."""
        if self._cell is None and self.valid_spec:
            try:
                self._cell = Cell(self.matrix, self.ops)
            except CellError:
                return None
        return self._cell

    def visualize(self):
        """A drawing of the pruned graph as SVG, which notebooks show; the original needs graphviz."""
        cell = self.cell()
        return None if cell is None else cell._repr_svg_()

    def __repr__(self):
        return f"ModelSpec({self.original_matrix!r}, {self.original_ops!r})"
