#!/usr/bin/env python3
"""Measures how many cells are within the intervals of `nasbench predict`: models are fitted on some cells and predict others.

    scripts/measure_coverage.py NASBENCH                        on the benchmark of the program
    scripts/measure_coverage.py NASBENCH nb101_20k.csv          on published records, with the columns of that file
    scripts/measure_coverage.py NASBENCH [CSV] --up-to 6        fitted on cells of at most 6 vertices, asked for larger ones

Each line has means over the draws: the shares within the 90 % and the 95 % intervals, each with its standard error, the mean width of
the former, and the share of the cells that are marked as outside the fitted range. Needs Python 3.9 and nothing else.
"""

import argparse
import csv
import io
import json
import pathlib
import random
import statistics
import subprocess
import tempfile

MODELS = ["random-forest", "svr", "gradient-boosting", "ensemble"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("nasbench")
    parser.add_argument("csv", nargs="?")
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--sizes", default="100,424,1000")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--held-out", type=int, default=5000)
    parser.add_argument("--up-to", type=int)
    given = parser.parse_args()
    run = lambda *words: subprocess.run([given.nasbench, *words, "--quiet"], check=True, capture_output=True, text=True).stdout
    cells, source = published(given.csv) if given.csv else bundled(run)
    print("model              cells  predicted    within 90 %    within 95 %  width of 90 %  outside")
    for model in given.models.split(","):
        for size in map(int, given.sizes.split(",")):
            draws = [measure(run, source, cells, model, size, seed, given) for seed in range(given.draws)]
            n, of_90, of_95, width, outside = [statistics.mean(values) for values in zip(*draws)]
            errors = [statistics.stdev(values) / len(draws) ** 0.5 for values in list(zip(*draws))[1:3]] if len(draws) > 1 else [0, 0]
            shares = "  ".join(f"{share:.3f} ± {error:.3f}" for share, error in zip([of_90, of_95], errors))
            print(f"{model:<18} {size:>5}  {n:>9.0f}  {shares}  {width:>13.4f}  {outside:>7.2f}", flush=True)


def published(file):
    with open(file, newline="") as open_file:
        rows = list(csv.DictReader(open_file))
    cells = [(row["module_hash"], row["adjacency_row_major"], row["ops"], float(row["val_acc_108"])) for row in rows]
    columns = ["adjacency=adjacency_row_major", "operations=ops", "validation_accuracy@108=val_acc_108"]
    return cells, [file, *(word for column in columns for word in ("--column", column))]


def bundled(run):
    columns = "module_hash, module_adjacency, module_operations"
    query = f"select {columns}, avg(final_validation_accuracy) as value from records where epochs = 12 group by {columns}"
    rows = csv.DictReader(io.StringIO(run("query", "--sql", query, "--format", "csv")))
    return [(row["module_hash"], row["module_adjacency"], row["module_operations"], float(row["value"])) for row in rows], [
        "nb101-5v-clutter"
    ]


def measure(run, source, cells, model, size, seed, given):
    order = cells[:]
    random.Random(seed).shuffle(order)
    vertices = lambda cell: cell[2].replace(",", " ").count(" ") + 1
    if given.up_to:
        fitted = [cell for cell in order if vertices(cell) <= given.up_to][:size]
        others = [cell for cell in order if vertices(cell) > given.up_to][: given.held_out]
    else:
        fitted, others = order[:size], order[size : size + given.held_out]
    with tempfile.TemporaryDirectory() as folder:
        path = lambda name: str(pathlib.Path(folder, name))
        pathlib.Path(path("train")).write_text("\n".join(cell[0] for cell in fitted))
        text = lambda cell: {"adjacency": cell[1], "operations": operations(cell[2])}
        pathlib.Path(path("cells.jsonl")).write_text("\n".join(json.dumps(text(cell)) for cell in others))
        run("fit", *source, "--model", model, "--train", path("train"), "--seed", str(seed), "--out", path("model"))
        predicted = list(csv.DictReader(io.StringIO(run("predict", path("model"), "--cell", path("cells.jsonl"), "--format", "csv"))))
    pairs = [(cell[3], row) for cell, row in zip(others, predicted)]
    within = lambda level: sum(float(row[f"low_{level}"]) <= value <= float(row[f"high_{level}"]) for value, row in pairs) / len(pairs)
    width = sum(float(row["high_90"]) - float(row["low_90"]) for _, row in pairs) / len(pairs)
    outside = sum(row["outside_fitted_range"] == "true" for _, row in pairs) / len(pairs)
    return len(pairs), within(90), within(95), width, outside


def operations(text):
    names = {"conv3x3": "conv3x3-bn-relu", "conv1x1": "conv1x1-bn-relu"}
    return ",".join(names.get(name, name) for name in text.replace(",", " ").split())


main()
