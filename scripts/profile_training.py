#!/usr/bin/env python3
"""Turns the samples of a training into a table of its kinds of steps, for `profile_training.sh`.

    profile_training.py FOLDER      with plan, peak, stream and speed (of `training_speed`) and stacks (of `perf script`)

Two bounds stand beside each time: what its multiply-adds take at the peak, and what its bytes take at the speed of a long
stream. The bytes are those of a kernel that reads and writes each number once, as if nothing stayed in a cache.
"""
import collections
import json
import pathlib
import re
import sys

folder = pathlib.Path(sys.argv[1])
plan, peak, stream, speed = (json.loads((folder / name).read_text()) for name in ("plan", "peak", "stream", "speed"))

# The first pattern that the innermost function of the engine matches; a number in it is the side of the kernel.
KERNELS = {
    r"Convolve\D*(\d)": "convolution", r"KernelGradient\D*(\d)": "gradient of kernels", r"NormaliseRelu": "normalise, ReLU",
    r"AddSums": "sums of normalisation", r"Differentiate>": "gradient of normalisation", r"PoolGradient": "pooling",
    r"Pool|pool::": "pooling", r"head|differentiate_loss": "head", r"update|pack": "optimiser", r"layout::fill": "gather",
}


def kind(stack):
    """The kind of step and the direction that a sample belongs to."""
    backward = any(re.search(r"backward|convolve_back|differentiate", name) for name in stack)
    # Copies and fills of the C library belong to whoever calls them.
    own = next((name for name in stack if "lane::" in name), None)
    if own is None:
        return "outside the engine", ""
    for pattern, name in KERNELS.items():
        if found := re.search(pattern, own):
            square = f" {found[1]}×{found[1]}" if found.groups() else ""
            return name + square, "" if name in ("optimiser", "gather") else "backward" if backward else "forward"
    # The C library keeps no frame pointers: who called a copy is lost, and with it the direction.
    return "sums, copies, zeros", ""


def bounds(steps):
    """Operations and bytes of an image by kind and direction."""
    operations, numbers = collections.Counter(), collections.Counter()
    sides, readers, seen = [plan["shape"][2]], collections.defaultdict(set), set()
    for step in reversed(list(enumerate(steps, 1))):
        buffer, step = step
        for source, _ in step["inputs"]:
            readers[source] |= readers[buffer] if step["operator"] == "concatenate" else {step["operator"]}
    for buffer, step in enumerate(steps, 1):
        operator, outputs, (first, inputs) = step["operator"], step["channels"], step["inputs"][0]
        side = sides[first]
        sides.append({"halve": (side + 1) // 2, "average": 1, "dense": 1}.get(operator, side))
        pixels, after = side**2, sides[-1] ** 2
        if operator == "convolution":
            square = f" {step['kernel']}×{step['kernel']}"
            count = 2 * step["kernel"] ** 2 * pixels * inputs * outputs
            # Convolutions of one input and side run as one: they read it once. The images have no gradient.
            shared = 0 if (first, square) in seen else inputs
            seen.add((first, square))
            for name, direction, own in [("convolution", "forward", 1), ("convolution", "backward", first > 0),
                                         ("gradient of kernels", "backward", 1)]:
                operations[name + square, direction] += count * own
                numbers[name + square, direction] += (outputs + shared) * pixels * own
            # Made again for a backward pass that reads it.
            again = bool(readers[buffer] & {"convolution", "max-pool", "halve"})
            numbers["normalise, ReLU", "forward"] += 2 * outputs * pixels
            numbers["normalise, ReLU", "backward"] += 2 * outputs * pixels * again
            numbers["sums of normalisation", "backward"] += 2 * outputs * pixels
            numbers["gradient of normalisation", "backward"] += 3 * outputs * pixels
        elif operator in ("max-pool", "mean-pool", "halve", "average"):
            numbers["pooling", "forward"] += inputs * pixels + outputs * after
            numbers["pooling", "backward"] += (1 + (operator in ("max-pool", "halve"))) * inputs * pixels + outputs * after
    return operations, numbers


samples = collections.Counter()
for block in (folder / "stacks").read_text().split("\n\n"):
    if stack := [line.split(maxsplit=1)[-1] for line in block.strip().splitlines()]:
        samples[kind(stack)] += 1
operations, numbers = bounds(plan["steps"])
total, per_image = samples.total(), 1e6 / speed["images_per_second"]
least = {of: (operations[of] / peak["gflops"] / 1e3, 4 * numbers[of] / stream["gbytes"] / 1e3) for of in samples}
rows = [(*of, count / total * per_image, count / total, *least[of]) for of, count in samples.most_common()]
rows.append(("all", "", per_image, 1, *(sum(column) for column in zip(*least.values()))))
print(f"{'kind of step':26} {'direction':9} {'us/image':>9} {'share':>7} {'multiply-adds':>14} {'bytes':>7}")
print("-" * 77)
for name, direction, time, share, *bound in rows:
    flops, stored = (f"{value:.2f}" if value else "" for value in bound)
    print(f"{name:26} {direction:9} {time:9.2f} {share:7.1%} {flops:>14} {stored:>7}".rstrip())
