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

from nasbench._nasbench import import_official
from nasbench._nasbench import open as _open
from nasbench.errors import NotRecordedError
from nasbench.lib.model_spec import ModelSpec

__all__ = ["ModelSpec", "NASBench", "OutOfDomainError"]

_FILES = (".tfrecord", ".tfrecord.gz")


class OutOfDomainError(Exception):
    """A spec that is not of the space."""


def _folder_for(file):
    """Where the benchmark of an official file is kept: beside it, or else in the user's folder of caches."""
    beside = f"{file}.nasbench"
    if os.path.isdir(beside) or os.access(os.path.dirname(os.path.abspath(file)), os.W_OK):
        return beside
    status = os.stat(file)
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(caches, "nasbench", f"{os.path.basename(file)}-{status.st_size}-{status.st_mtime_ns}")


def _opened(dataset_file):
    file = os.fspath(dataset_file)
    if not file.endswith(_FILES) or os.path.isdir(file):
        return _open(file)
    folder = _folder_for(file)
    if not os.path.isdir(folder):
        if not os.path.isfile(file):
            raise FileNotFoundError(f"`{file}` is not there")
        print(f"importing `{file}` into `{folder}`, once; it opens in milliseconds from then on")
        os.makedirs(os.path.dirname(folder) or ".", exist_ok=True)
        import_official(file, folder)
    return _open(folder)


class _Statistics(collections.abc.Mapping):
    """What is recorded of each cell by its hash, read when it is asked for."""

    def __init__(self, benchmark, which):
        self._benchmark, self._which = benchmark, which

    def __getitem__(self, module_hash):
        try:
            return self._benchmark._metrics(module_hash)[self._which]
        except NotRecordedError:
            raise KeyError(module_hash) from None

    def __iter__(self):
        return iter(self._benchmark.hashes())

    def __len__(self):
        return len(self._benchmark)

    def __contains__(self, module_hash):
        return isinstance(module_hash, str) and module_hash in self._benchmark


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
        self.training_time_spent = 0.0
        self.total_epochs_spent = 0

    def query(self, model_spec, epochs=108, stop_halfway=False):
        """One training of a spec, drawn from its repeats, and what it cost added to the budget."""
        if epochs not in self.valid_epochs:
            raise OutOfDomainError(f"invalid number of epochs, must be one of {sorted(self.valid_epochs)}")
        cell = self._cell(model_spec)
        rows = self._look_up(cell, epochs, stop_halfway)
        data = self._random.choice(rows)
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
        return iter(self.benchmark.hashes())

    def get_metrics_from_hash(self, module_hash):
        """All that is recorded of a hash: fixed statistics, and computed ones by epochs and repeat. They are the caller's own."""
        try:
            return self.benchmark._metrics(module_hash)
        except NotRecordedError:
            raise KeyError(module_hash) from None

    def get_metrics_from_spec(self, model_spec):
        """All that is recorded of a spec."""
        return self.benchmark._metrics(self._cell(model_spec))

    def _look_up(self, cell, epochs, stop_halfway):
        try:
            return self.benchmark.query(cell, epochs, "all", stop_halfway)
        except NotRecordedError as error:
            raise OutOfDomainError(str(error)) from None

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
