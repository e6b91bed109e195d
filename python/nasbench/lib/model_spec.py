"""Model specs as the original `nasbench.lib.model_spec` has them."""

from nasbench._nasbench import Cell, _kept
from nasbench.lib import graph_util

__all__ = ["ModelSpec", "is_upper_triangular"]

_OFFICIAL = ["conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"]
_UNKNOWN = object()

try:
    import numpy
except ImportError:
    numpy = None


def _array(matrix):
    """A matrix as an array of numpy where that is installed, else as lists; always a copy."""
    if numpy is not None:
        return numpy.array(matrix)
    return [list(row) for row in (matrix.tolist() if hasattr(matrix, "tolist") else matrix)]


def is_upper_triangular(matrix):
    """Whether every edge goes to a later vertex."""
    rows = matrix.tolist() if hasattr(matrix, "tolist") else matrix
    return all(not rows[x][y] for x in range(len(rows)) for y in range(x + 1))


class ModelSpec:
    """A matrix and the operations of its vertices, pruned to what lies on a path from the input to the output.

    `valid_spec` is whether anything does; then `matrix` and `ops` are what is left, else None.
    """

    def __init__(self, matrix, ops, data_format="channels_last"):
        self.original_ops = list(ops)
        self._kept = _kept(matrix, len(self.original_ops))
        self.original_matrix = _array(matrix)
        self.data_format = data_format
        self.valid_spec = self._kept is not None
        self._matrix = self._ops = self._cell = _UNKNOWN

    # Most specs of a search are looked up, and nobody asks what is left of them.
    @property
    def matrix(self):
        """The pruned matrix."""
        if self._matrix is _UNKNOWN:
            kept, original = self._kept, self.original_matrix
            if kept is None:
                self._matrix = None
            elif len(kept) == len(self.original_ops):
                self._matrix = _array(original)
            elif numpy is not None:
                self._matrix = original[numpy.ix_(kept, kept)]
            else:
                self._matrix = [[original[x][y] for y in kept] for x in kept]
        return self._matrix

    @matrix.setter
    def matrix(self, matrix):
        self._matrix, self._cell = matrix, _UNKNOWN

    @property
    def ops(self):
        """The operations of the pruned matrix."""
        if self._ops is _UNKNOWN:
            self._ops = None if self._kept is None else [self.original_ops[vertex] for vertex in self._kept]
        return self._ops

    @ops.setter
    def ops(self, ops):
        self._ops, self._cell = ops, _UNKNOWN

    def hash_spec(self, canonical_ops):
        """The hash of the pruned graph, with operations numbered as in a list."""
        if list(canonical_ops) == _OFFICIAL and (cell := self.cell()) is not None:
            return cell.hash
        labeling = [-1] + [list(canonical_ops).index(op) for op in self.ops[1:-1]] + [-2]
        return graph_util.hash_module(self.matrix, labeling)

    def cell(self):
        """The spec as a `nasbench.Cell`; None if it is none of NAS-Bench-101's space."""
        if self._cell is _UNKNOWN:
            try:
                if self._matrix is _UNKNOWN and self._ops is _UNKNOWN:
                    # The same cell, since pruning is done there, too.
                    self._cell = Cell(self.original_matrix, self.original_ops)
                else:
                    self._cell = Cell(self.matrix, self.ops)
            except (TypeError, ValueError):
                self._cell = None
        return self._cell

    def visualize(self):
        """A drawing of the pruned graph as SVG, which notebooks show; the original needs graphviz."""
        cell = self.cell()
        return None if cell is None else cell._repr_svg_()

    def __repr__(self):
        return f"ModelSpec({self.original_matrix!r}, {self.original_ops!r})"
