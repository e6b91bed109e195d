"""Graphs as the original `nasbench.lib.graph_util` has them; matrices are lists or arrays.

Written anew; the hash is that of the official files for any labels.
"""

import hashlib
import itertools

__all__ = ["compare_graphs", "gen_is_edge_fn", "hash_module", "is_full_dag", "is_isomorphic", "num_edges", "permute_graph"]


def gen_is_edge_fn(bits):
    """Returns whether there is an edge from x to y (x below y) by the bits of a number: that of x to y is bit x + y (y - 1) / 2."""

    def is_edge(x, y):
        # The numbers of an array may be too narrow for a mask.
        x, y = int(x), int(y)
        low, high = (x, y) if x < y else (y, x)
        # With equal ends, and downwards, there is no edge.
        return x < y and bits >> (low + high * (high - 1) // 2) & 1 == 1

    def is_edge_of_arrays(x, y):
        if hasattr(x, "shape"):
            import numpy

            return numpy.vectorize(is_edge, otypes=[numpy.int8])(x, y)
        return int(is_edge(x, y))

    return is_edge_of_arrays


def _rows(matrix):
    return matrix.tolist() if hasattr(matrix, "tolist") else matrix


def is_full_dag(matrix):
    """Whether each vertex but the last has an edge out, and each but the first one in."""
    rows = _rows(matrix)
    size = range(len(rows))
    return all(any(rows[x][y] for y in size) for x in size[:-1]) and all(any(rows[x][y] for x in size) for y in size[1:])


def num_edges(matrix):
    """The number of edges."""
    return sum(int(value) for row in _rows(matrix) for value in row)


def _digest(text):
    return hashlib.md5(text.encode()).hexdigest()


def hash_module(matrix, labeling):
    """The hash of a labelled graph, the same for all isomorphic ones."""
    rows = _rows(matrix)
    size = range(len(rows))
    into = [[x for x in size if rows[x][y]] for y in size]
    out = [[y for y in size if rows[x][y]] for x in size]
    hashes = [_digest(str((len(out[v]), len(into[v]), int(labeling[v])))) for v in size]
    for _ in size:
        sides = [("".join(sorted(hashes[w] for w in into[v])), "".join(sorted(hashes[w] for w in out[v]))) for v in size]
        hashes = [_digest(f"{before}|{behind}|{own}") for (before, behind), own in zip(sides, hashes)]
    return _digest(str(sorted(hashes)))


def permute_graph(graph, label, permutation):
    """The graph and its labels with vertex v at place permutation[v]."""
    rows = _rows(graph)
    size = len(rows)
    at = {new: old for old, new in enumerate(permutation)}
    permuted = [[rows[at[x]][at[y]] for y in range(size)] for x in range(size)]
    labels = [label[at[v]] for v in range(size)]
    if hasattr(graph, "tolist"):
        import numpy

        return numpy.array(permuted, dtype=graph.dtype), labels
    return permuted, labels


def is_isomorphic(graph1, graph2):
    """Whether two pairs of a matrix and labels are one graph with its vertices in another order."""
    (one, labels), (other, other_labels) = graph1, graph2
    one, other = _rows(one), _rows(other)
    size = len(one)
    if size != len(other) or sorted(map(str, labels)) != sorted(map(str, other_labels)):
        return False
    return any(
        all(labels[v] == other_labels[place[v]] for v in range(size))
        and all(one[x][y] == other[place[x]][place[y]] for x in range(size) for y in range(size))
        for place in itertools.permutations(range(size))
    )


compare_graphs = is_isomorphic
