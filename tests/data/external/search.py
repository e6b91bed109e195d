"""Draws chains of one to three operations, and changes the best one half of the time."""

import json
import random
import sys

NAMES = ["conv3x3", "conv1x1", "maxpool3x3"]
best = (0.0, ["conv3x3"])
for line in sys.stdin:
    said = json.loads(line)
    if said["type"] == "start":
        random.seed(said["seed"])
    elif said["type"] == "ask":
        ops = list(best[1]) if random.random() < 0.5 else random.choices(NAMES, k=random.randint(1, 3))
        ops[random.randrange(len(ops))] = random.choice(NAMES)
        size = range(len(ops) + 2)
        print(json.dumps({"cells": [{"matrix": [[int(y == x + 1) for y in size] for x in size], "ops": ops}]}), flush=True)
    else:
        best = max([best] + [(trial["validation_accuracy"] or 0.0, ops) for trial in said["trials"]])
