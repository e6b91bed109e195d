"""Fits and scores the same random forests here and in scikit-learn by turns, on all cores, and prints the seconds and their ratios.

Called by compare_surrogates.sh, which installs scikit-learn: compare_surrogates.py SURROGATE_SPEED FOLDER [ROUNDS]
"""

import json
import statistics
import subprocess
import sys
import time

import numpy
from sklearn.ensemble import RandomForestRegressor

PROGRAM, FOLDER = sys.argv[1:3]
ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 3
CELLS = 423_624


def call(*arguments):
    done = subprocess.run([PROGRAM, *map(str, arguments)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def forest():
    return RandomForestRegressor(100, max_features=1 / 3, n_jobs=-1, random_state=1)


def timed(action):
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def report(what, ours, theirs):
    pairs = ", ".join(f"{one:.3f}/{other:.3f}" for one, other in zip(ours, theirs))
    ratio = statistics.median(one / other for one, other in zip(ours, theirs))
    print(f"{what}: {statistics.median(ours):.3f} s here, {statistics.median(theirs):.3f} s in scikit-learn, ratio {ratio:.2f} ({pairs})")


width = call("write", FOLDER, 10_000)["features"]
rows = numpy.fromfile(f"{FOLDER}/rows.f32", dtype="<f4").reshape(-1, width)
targets = numpy.fromfile(f"{FOLDER}/targets.f32", dtype="<f4")
everything = numpy.resize(rows, (CELLS, width))

for count in [1_000, 10_000]:
    pairs = [(call("fit", count)["seconds"], timed(lambda: forest().fit(rows[:count], targets[:count]))) for _ in range(ROUNDS)]
    report(f"fit 100 trees on {count} cells, {width} features", *zip(*pairs))

for count in [1_000, 10_000]:
    fitted = forest().fit(rows[:count], targets[:count])
    answers = [(call("score", count), timed(lambda: fitted.predict(everything))) for _ in range(ROUNDS)]
    ours = [answer["seconds"] for answer, _ in answers]
    report(f"score {CELLS} cells after {count}, here with encoding, there without", ours, [theirs for _, theirs in answers])
    encoding = statistics.median(answer["encoding"] for answer, _ in answers)
    scoring = statistics.median(answer["scoring"] for answer, _ in answers)
    print(f"  of which encoding {encoding:.3f} s, scoring {scoring:.3f} s")
