"""Optuna's TPE on the bundled benchmark: each trial is a matrix and operations, and is paid by one training."""

import optuna

import nasbench

bench = nasbench.open()
OPS = ["conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"]


def accuracy(trial):
    matrix = [[trial.suggest_int(f"edge {x}-{y}", 0, 1) if y > x else 0 for y in range(5)] for x in range(5)]
    ops = ["input", *(trial.suggest_categorical(f"operation {vertex}", OPS) for vertex in range(1, 4)), "output"]
    try:
        return bench.query((matrix, ops), repeat="random", seed=trial.number)["validation_accuracy"]
    except (nasbench.CellError, nasbench.NotRecordedError):
        raise optuna.TrialPruned() from None


optuna.logging.set_verbosity(optuna.logging.WARNING)
study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=1))
study.optimize(accuracy, n_trials=200)
print(f"best of 200 trials: {study.best_value:.4f}")
