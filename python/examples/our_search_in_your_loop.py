"""Regularized evolution of this package in a loop of one's own: what it asks for is measured here."""

import nasbench

bench = nasbench.open()
searcher = nasbench.Searcher("regularized-evolution", nasbench.Space(max_vertices=5), population_size=20, tournament_size=5, seed=1)
best = 0.0
for step in range(200):
    cells = [cell for cell, _ in searcher.ask()]
    accuracies = [bench.query(cell, repeat="random", seed=step)["validation_accuracy"] for cell in cells]
    best = max([best, *accuracies])
    searcher.tell(accuracies)
print(f"best of 200 trials: {best:.4f}")
