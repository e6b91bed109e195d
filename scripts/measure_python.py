"""What the Python package takes, beside a program in plain Python that does the same: a dict by the official hash, computed in Python.

    python scripts/measure_python.py      in an environment with the wheel
"""

import collections
import copy
import random
import statistics
import subprocess
import sys
import time

import nasbench
from nasbench import api
from nasbench.lib import graph_util

OPS = ["conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"]
CHAIN = ([[0, 1, 0, 1], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]], ["input", OPS[0], OPS[2], "output"])


def each(what, action, count=2_000):
    rounds = []
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(count):
            action()
        rounds.append((time.perf_counter() - started) / count)
    seconds = statistics.median(rounds)
    print(f"{what}: {1e6 * seconds:.2f} µs")
    return seconds


def once(what, code, before=""):
    taken = []
    for _ in range(5):
        program = f"{before}import time\nt = time.perf_counter()\n{code}\nprint(time.perf_counter() - t)"
        output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        taken.append(float(output.stdout))
    print(f"{what}: {1e3 * statistics.median(taken):.1f} ms")


class Dict:
    """The same answers from a dict, in plain Python."""

    def __init__(self, other):
        self.epochs = max(other.valid_epochs)
        self.computed = {key: other.computed_statistics[key] for key in other.hash_iterator()}

    @staticmethod
    def kept(matrix):
        size = len(matrix)
        reached, reaching = {0}, {size - 1}
        for y in range(size):
            if any(matrix[x][y] for x in reached if x < y):
                reached.add(y)
        for x in reversed(range(size)):
            if any(matrix[x][y] for y in reaching if y > x):
                reaching.add(x)
        return sorted(reached & reaching)

    def hash(self, matrix, ops):
        kept = self.kept(matrix)
        pruned = [[matrix[x][y] for y in kept] for x in kept]
        labels = [-1] + [OPS.index(ops[vertex]) for vertex in kept[1:-1]] + [-2]
        return graph_util.hash_module(pruned, labels) if len(kept) > 1 else None

    def query(self, matrix, ops):
        found = self.computed.get(self.hash(matrix, ops))
        return None if found is None else random.choice(copy.deepcopy(found[self.epochs]))["final_validation_accuracy"]


def evolution(query, evaluations=1_000):
    random.seed(3)

    def draw():
        matrix = [[random.randint(0, 1) if y > x else 0 for y in range(5)] for x in range(5)]
        return matrix, ["input", *random.choices(OPS, k=3), "output"]

    def mutated(parent):
        matrix, ops = [list(row) for row in parent[0]], list(parent[1])
        x = random.randrange(4)
        y = random.randrange(x + 1, 5)
        matrix[x][y] = 1 - matrix[x][y]
        return matrix, ops

    population = collections.deque(maxlen=50)
    done = 0
    while done < evaluations:
        graph = draw() if len(population) < 50 else mutated(max(random.sample(list(population), 10), key=lambda one: one[0])[1])
        accuracy = query(*graph)
        if accuracy is not None:
            population.append((accuracy, graph))
            done += 1


once("import nasbench", "import nasbench")
once("open the bundled benchmark", "nasbench.open()", "import nasbench\n")
once("open the bundled benchmark and look up a first cell", "nasbench.open().query('043721b9c7fe')", "import nasbench\n")
bench = nasbench.open()
cell = nasbench.Cell(*CHAIN)
each("a cell from a matrix and names", lambda: nasbench.Cell(*CHAIN))
ours = each("query of a cell", lambda: bench.query(cell))
both = each("query of a matrix and names", lambda: bench.query(CHAIN))
old = api.NASBench("bundled")
spec = api.ModelSpec(*CHAIN)
epochs = max(old.valid_epochs)
each("api.NASBench.query", lambda: old.query(spec, epochs=epochs))
each("api.ModelSpec", lambda: api.ModelSpec(*CHAIN))
plain = Dict(old)
theirs = each("query of a matrix and names in plain Python", lambda: plain.query(*CHAIN))
print(f"plain Python takes {theirs / both:.0f} times as long for a matrix and names, {theirs / ours:.0f} times for a cell that is there already")


def of_bench(matrix, ops):
    try:
        return bench.query((matrix, ops), repeat=0)["validation_accuracy"]
    except nasbench.CellError:
        return None


def of_api(matrix, ops):
    spec = api.ModelSpec(matrix, ops)
    return old.query(spec, epochs=epochs)["validation_accuracy"] if old.is_valid(spec) else None


# No look-up at all is the least that such a program can take.
for name, query in [
    ("nasbench", of_bench),
    ("nasbench.api", of_api),
    ("plain Python", plain.query),
    ("answers that cost nothing", lambda matrix, ops: random.random()),
]:
    started = time.perf_counter()
    evolution(query)
    print(f"regularized evolution, 1,000 evaluations, its own code in Python, with {name}: {time.perf_counter() - started:.3f} s")
started = time.perf_counter()
nasbench.search("regularized-evolution", bench, budget=1_000, population_size=50)
print(f"the same by nasbench.search: {time.perf_counter() - started:.3f} s")
started = time.perf_counter()
table = bench.table()
print(f"{len(table)} rows as Arrow: {time.perf_counter() - started:.3f} s")
# A benchmark of 423,624 cells with three repeats, as scripts/make_synthetic.rs makes one: its folder is the argument.
for folder in sys.argv[1:]:
    large = nasbench.open(folder)
    columns = ["epochs", "repeat", "trainable_parameters", "flops", "final_training_time", "final_validation_accuracy", "final_test_accuracy"]
    rounds = []
    for _ in range(3):
        started = time.perf_counter()
        frame = large.table(columns).to_pandas()
        rounds.append(time.perf_counter() - started)
    print(f"{len(frame)} rows of {len(columns)} columns to pandas: {min(rounds):.3f} s")
