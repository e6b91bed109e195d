"""The interface of the original NAS-Bench-101: `from nasbench import api`.

    nasbench = api.NASBench("nasbench_only108.tfrecord")     # imported once, then opened in milliseconds
    spec = api.ModelSpec(matrix=[[0, 1], [0, 0]], ops=["input", "output"])
    nasbench.query(spec)

`NASBench` also opens a folder of this program and the bundled benchmark (`api.NASBench("bundled")`). What differs from the original is listed in
the README of the package.
"""

import collections.abc
import copy
import os
import random
import shutil
import sys
import tempfile

from nasbench._nasbench import import_official
from nasbench._nasbench import open as _open
from nasbench.errors import NotRecordedError
from nasbench.lib.model_spec import ModelSpec

__all__ = ["ModelSpec", "NASBench", "OutOfDomainError"]

_FILES = (".tfrecord", ".tfrecord.gz")

try:
    import numpy
except ImportError:
    numpy = None


class OutOfDomainError(Exception):
    """A spec that is not of the space."""


def _folder_for(file):
    """Where the benchmark of an official file is kept: beside it, or else in the user's folder of caches."""
    beside = f"{file}.nasbench"
    if os.path.isfile(os.path.join(beside, "benchmark.toml")) or os.access(os.path.dirname(os.path.abspath(file)), os.W_OK):
        return beside
    status = os.stat(file)
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(caches, "nasbench", f"{os.path.basename(file)}-{status.st_size}-{status.st_mtime_ns}")


def _opened(dataset_file):
    file = os.fspath(dataset_file)
    if not file.endswith(_FILES) or os.path.isdir(file):
        return _open(file)
    folder = _folder_for(file) if os.path.exists(file) else f"{file}.nasbench"
    manifest = os.path.join(folder, "benchmark.toml")
    # A file that was written after its benchmark is another one; where it was removed, its benchmark stays.
    is_there = os.path.isfile(manifest) and (not os.path.exists(file) or os.path.getmtime(manifest) >= os.path.getmtime(file))
    if not is_there:
        if not os.path.isfile(file):
            raise FileNotFoundError(f"`{file}` is not there")
        print(f"importing `{file}` into `{folder}`, once; it opens in milliseconds from then on", file=sys.stderr)
        _import(file, folder)
    return _open(folder)


def _import(file, folder):
    """Imports into a folder of its own, which becomes the right one when it is whole: an import that is broken off leaves none."""
    parent = os.path.dirname(os.path.abspath(folder))
    os.makedirs(parent, exist_ok=True)
    temporary = tempfile.mkdtemp(prefix=f"{os.path.basename(folder)}.", dir=parent)
    try:
        whole = os.path.join(temporary, "benchmark")
        import_official(file, whole)
        if os.path.isdir(folder):
            os.rename(folder, os.path.join(temporary, "before"))
        try:
            os.rename(whole, folder)
        except OSError:
            # Another process was faster.
            if not os.path.isfile(os.path.join(folder, "benchmark.toml")):
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _official(data):
    """The matrix as the original has it."""
    if numpy is not None:
        data["module_adjacency"] = numpy.array(data["module_adjacency"], numpy.int8)
    return data


class _Statistics(collections.abc.Mapping):
    """What is recorded of each cell by its hash, read when it is asked for."""

    def __init__(self, benchmark, which):
        self._benchmark, self._which = benchmark, which

    def __getitem__(self, module_hash):
        try:
            found = self._benchmark._metrics(module_hash)[self._which] if _is_hash(module_hash) else None
        except NotRecordedError:
            found = None
        if found is None:
            raise KeyError(module_hash)
        return _official(found) if self._which == 0 else found

    def __iter__(self):
        return iter(self._benchmark.hashes())

    def __len__(self):
        return len(self._benchmark)

    def __contains__(self, module_hash):
        return _is_hash(module_hash) and module_hash in self._benchmark


def _is_hash(key):
    """Whether a key may be a hash: elsewhere the first digits of one will do, in a dict only all of them."""
    return isinstance(key, str) and len(key) == 32


class NASBench:
    """A benchmark under the names of the original program. Each query draws one repeat, and its cost is counted."""

    def __init__(self, dataset_file, seed=None):
        self.benchmark = _opened(dataset_file)
        self._random = random.Random(seed) if seed is not None else random
        self.dataset_file = dataset_file
        self.config = {
            "module_vertices": 7,
            "max_edges": 9,
            "num_repeats": 3,
            "available_ops": ["conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"],
        }
        self.fixed_statistics = _Statistics(self.benchmark, 0)
        self.computed_statistics = _Statistics(self.benchmark, 1)
        self.valid_epochs = set(self.benchmark.epochs)
        self.history = {}
        self._matrices = {}
        self.training_time_spent = 0.0
        self.total_epochs_spent = 0

    def query(self, model_spec, epochs=None, stop_halfway=False):
        """One training of a spec, drawn from its repeats, and what it cost added to the budget.

        Without `epochs` it is one of 108, or of the largest budget of a benchmark that has no 108.
        """
        if epochs is None:
            epochs = 108 if 108 in self.valid_epochs else max(self.valid_epochs)
        if epochs not in self.valid_epochs:
            raise OutOfDomainError(f"invalid number of epochs, must be one of {sorted(self.valid_epochs)}")
        cell = self._cell(model_spec)
        try:
            data = self.benchmark._drawn(cell, epochs, stop_halfway, self._random.randrange)
        except NotRecordedError as error:
            raise OutOfDomainError(str(error)) from None
        if numpy is not None:
            matrix = self._matrices.get(cell)
            if matrix is None:
                matrix = self._matrices[cell] = numpy.array(data["module_adjacency"], numpy.int8)
            data["module_adjacency"] = matrix.copy()
        self.training_time_spent += data["training_time"] or 0.0
        self.total_epochs_spent += epochs // 2 if stop_halfway else epochs
        return data

    def is_valid(self, model_spec):
        """Whether a spec is of the space, and so can be queried where the table has all of it."""
        try:
            self._cell(model_spec)
        except OutOfDomainError:
            return False
        return True

    def get_budget_counters(self):
        """The seconds of training and the epochs that the queries have spent."""
        return self.training_time_spent, self.total_epochs_spent

    def reset_budget_counters(self):
        """Begins to count anew."""
        self.training_time_spent = 0.0
        self.total_epochs_spent = 0

    def evaluate(self, model_spec, model_dir):
        """Trains a spec; `nasbench train` of the program does that."""
        raise NotImplementedError("the program trains: `nasbench train --matrix … --ops …`")

    def hash_iterator(self):
        """The hashes of all recorded cells."""
        return self.fixed_statistics.keys()

    def get_metrics_from_hash(self, module_hash):
        """All that is recorded of a hash: fixed statistics, and computed ones by epochs and repeat. They are the caller's own."""
        if not _is_hash(module_hash):
            raise KeyError(module_hash)
        try:
            fixed, computed = self.benchmark._metrics(module_hash)
        except NotRecordedError:
            raise KeyError(module_hash) from None
        return _official(fixed), computed

    def get_metrics_from_spec(self, model_spec):
        """All that is recorded of a spec."""
        try:
            fixed, computed = self.benchmark._metrics(self._cell(model_spec))
        except NotRecordedError as error:
            raise OutOfDomainError(str(error)) from None
        return _official(fixed), computed

    def _cell(self, model_spec):
        """The cell of a spec; what is wrong with it in the order in which the original looks."""
        if not model_spec.valid_spec:
            raise OutOfDomainError("invalid spec, provided graph is disconnected.")
        cell = model_spec.cell() if hasattr(model_spec, "cell") else None
        if cell is not None:
            return cell
        vertices, edges = len(model_spec.ops), _edges(model_spec.matrix)
        if vertices > self.config["module_vertices"]:
            raise OutOfDomainError(f"too many vertices, got {vertices} (max vertices = {self.config['module_vertices']})")
        if edges > self.config["max_edges"]:
            raise OutOfDomainError(f"too many edges, got {edges} (max edges = {self.config['max_edges']})")
        if model_spec.ops[0] != "input":
            raise OutOfDomainError("first operation should be 'input'")
        if model_spec.ops[-1] != "output":
            raise OutOfDomainError("last operation should be 'output'")
        for op in model_spec.ops[1:-1]:
            if op not in self.config["available_ops"]:
                raise OutOfDomainError(f"unsupported op {op} (available ops = {self.config['available_ops']})")
        return ModelSpec(model_spec.matrix, model_spec.ops).cell()

    # The names of the original that begin with an underscore, which programs call all the same.
    def _check_spec(self, model_spec):
        self._cell(model_spec)

    def _hash_spec(self, model_spec):
        return model_spec.hash_spec(self.config["available_ops"])

    def __deepcopy__(self, memo):
        copied = copy.copy(self)
        memo[id(self)] = copied
        return copied


def _edges(matrix):
    return sum(int(value) for row in (matrix.tolist() if hasattr(matrix, "tolist") else matrix) for value in row)
