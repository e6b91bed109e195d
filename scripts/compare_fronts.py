"""The exact front, the hypervolume and NSGA-II of pymoo, on the points of benches/fronts.rs. Called by compare_fronts.sh."""

import statistics
import time

import numpy
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.problem import Problem
from pymoo.indicators.hv import HV
from pymoo.operators.crossover.pntx import TwoPointCrossover
from pymoo.operators.mutation.pm import PM
from pymoo.operators.repair.rounding import RoundingRepair
from pymoo.operators.sampling.rnd import IntegerRandomSampling
from pymoo.optimize import minimize
from pymoo.util.nds.non_dominated_sorting import NonDominatedSorting

CELLS = 423_624


def numbers():
    state = 1
    while True:
        state = (state * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) % 2**64
        yield (state >> 32) / 2**32


def cells(count):
    number = numbers()
    for _ in range(count):
        first, second, noise = next(number), next(number), next(number)
        yield first, (1 - first) * second + noise, (1 - first) * (1 - second) + noise


def front(count):
    number = numbers()
    points = numpy.array([[next(number) for _ in range(4)] for _ in range(count)])
    return 1 - points / numpy.linalg.norm(points, axis=1, keepdims=True)


class Table(Problem):
    """21 edges and 5 operations; the objectives are an index into an array away."""

    def __init__(self):
        super().__init__(n_var=26, n_obj=2, xl=numpy.zeros(26), xu=numpy.array([1] * 21 + [2] * 5), vtype=int)
        self.values = numpy.random.default_rng(1).uniform(size=(CELLS, 2))
        self.weights = numpy.random.default_rng(2).integers(1, CELLS, 26)

    def _evaluate(self, x, out, *_, **__):
        out["F"] = self.values[(x.astype(int) @ self.weights) % CELLS]


def search():
    algorithm = NSGA2(
        pop_size=100,
        sampling=IntegerRandomSampling(),
        crossover=TwoPointCrossover(),
        mutation=PM(eta=20, vtype=float, repair=RoundingRepair()),
        eliminate_duplicates=True,
    )
    minimize(Table(), algorithm, ("n_eval", 10_000), seed=1, verbose=False)


def report(what, action, rounds):
    times = []
    for _ in range(rounds):
        started = time.process_time()
        action()
        times.append(time.process_time() - started)
    print(f"pymoo, {what}: {1e3 * statistics.median(times):.1f} ms of processor time")


points = numpy.array(list(cells(CELLS)))
sorting = NonDominatedSorting()
report(f"exact front, 3 objectives, {CELLS}", lambda: sorting.do(points, only_non_dominated_front=True), 1)
few = front(200)
report("hypervolume, 4 objectives, 200", lambda: HV(ref_point=numpy.full(4, 1.1))(few), 20)
report("NSGA-II, 10,000 evaluations", search, 3)
