"""SMAC on the bundled benchmark: a space of ConfigSpace, whose values are a matrix and operations; what is no cell has the error of chance."""

from ConfigSpace import Categorical, ConfigurationSpace
from smac import HyperparameterOptimizationFacade, Scenario

import nasbench

bench = nasbench.open()
OPS = ["conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"]
space = ConfigurationSpace(seed=1)
space.add([Categorical(f"edge_{x}_{y}", [0, 1]) for y in range(5) for x in range(y)])
space.add([Categorical(f"op_{vertex}", OPS) for vertex in range(1, 4)])


def error(config, seed=0):
    matrix = [[int(config[f"edge_{x}_{y}"]) if y > x else 0 for y in range(5)] for x in range(5)]
    try:
        cell = nasbench.Cell(matrix, ["input", *(str(config[f"op_{vertex}"]) for vertex in range(1, 4)), "output"])
    except nasbench.CellError:
        return 0.9
    return 1 - bench.query(cell, repeat="random", seed=seed)["validation_accuracy"]


smac = HyperparameterOptimizationFacade(Scenario(space, n_trials=60, seed=1), error, overwrite=True)
print(f"best of 60 trials: {1 - smac.validate(smac.optimize()):.4f}")
