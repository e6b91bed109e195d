"""Trains the same networks here and in PyTorch by turns, one thread each, and prints the speeds and their ratios.

Called by compare_training.sh, which installs PyTorch: compare_training.py TRAINING_SPEED [SECONDS [ROUNDS]]
"""

import json
import statistics
import subprocess
import sys
import time

import torch
import torch.nn.functional as functional

CONFIGURATIONS = ["14-8", "14-16", "28-16", "32-32"]
PROGRAM = sys.argv[1]
SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 2.0
ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 7


def call(*arguments):
    done = subprocess.run([PROGRAM, *map(str, arguments)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def one_two_one(key, *arguments):
    """Runs one, two at once, and one again. The speeds of both that ran alone, and how many times as fast two at once are."""
    command = [PROGRAM, *map(str, arguments)]
    before = call(*arguments)[key]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    together = sum(json.loads(one.communicate()[0])[key] for one in both)
    after = call(*arguments)[key]
    return [before, after], 2 * together / (before + after)


class Network(torch.nn.Module):
    """The network of a plan: buffer 0 is the images, buffer i + 1 what step i wrote."""

    def __init__(self, plan):
        super().__init__()
        self.steps = plan["steps"]
        self.layers = torch.nn.ModuleList()
        for step in self.steps:
            inputs = sum(channels for _, channels in step["inputs"])
            if step["operator"] == "convolution":
                kernel = step["kernel"]
                convolution = torch.nn.Conv2d(inputs, step["channels"], kernel, padding=kernel // 2, bias=False)
                layer = torch.nn.Sequential(convolution, torch.nn.BatchNorm2d(step["channels"]), torch.nn.ReLU())
            elif step["operator"] == "dense":
                layer = torch.nn.Linear(inputs, step["channels"])
            else:
                layer = torch.nn.Identity()
            self.layers.append(layer)

    def forward(self, images):
        buffers = [images]
        for step, layer in zip(self.steps, self.layers):
            wanted = [(buffers[buffer], channels) for buffer, channels in step["inputs"]]
            inputs = [values if values.shape[1] == channels else values[:, :channels] for values, channels in wanted]
            first = inputs[0]
            match step["operator"]:
                case "convolution":
                    output = layer(first)
                case "max-pool":
                    output = functional.max_pool2d(first, 3, stride=1, padding=1)
                case "halve":
                    output = functional.max_pool2d(first, 2, ceil_mode=True)
                case "sum":
                    output = sum(inputs[1:], first)
                case "concatenate":
                    output = torch.cat(inputs, 1)
                case "average":
                    output = first.mean((2, 3), keepdim=True)
                case "dense":
                    output = layer(first.flatten(1))
                case other:
                    raise ValueError(f"unknown operator {other}")
            buffers.append(output)
        return buffers[-1]


def train(plan, seconds):
    """Images per second of training steps."""
    torch.manual_seed(0)
    network = Network(plan).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-4)
    images = torch.randn(plan["shape"])
    labels = torch.arange(plan["shape"][0]) % plan["classes"]
    steps = -3
    while steps < 0 or time.perf_counter() - start < seconds:
        if steps == 0:
            start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        loss = functional.cross_entropy(network(images), labels)
        loss.backward()
        optimizer.step()
        loss.item()
        steps += 1
        if steps == 0:
            start = time.perf_counter()
    return steps * plan["shape"][0] / (time.perf_counter() - start)


torch.set_num_threads(1)
print(f"PyTorch {torch.__version__}, {SECONDS:g} s each, medians of {ROUNDS} rounds by turns; ratios are taken within a round")
print("| network | PyTorch, images/s | nasbench, images/s | ratio | GFLOP/s | multiply-add peak | fraction | two at once |")
print("|---|---|---|---|---|---|---|---|")
for configuration in CONFIGURATIONS:
    plan = call("plan", configuration)
    rounds = []
    for _ in range(ROUNDS):
        theirs = train(plan, SECONDS)
        peak = call("peak", SECONDS / 4)["gflops"]
        (ours, after), pair = one_two_one("images_per_second", "train", configuration, SECONDS)
        gflops = ours * plan["flops"] / 1e9
        rounds.append((theirs, (ours + after) / 2, ours / theirs, gflops, peak, 100 * gflops / peak, pair))
    theirs, ours, ratio, gflops, peak, fraction, pair = map(statistics.median, zip(*rounds))
    side, channels = configuration.split("-")
    print(
        f"| {side}×{side}, {channels} channels, batch {plan['shape'][0]} | {theirs:,.0f} | {ours:,.0f} | {ratio:.1f} "
        f"| {gflops:.1f} | {peak:.0f} | {fraction:.1f} % | {pair:.2f} |",
        flush=True,
    )
chains = statistics.median(one_two_one("gflops", "peak", SECONDS)[1] for _ in range(ROUNDS))
print(f"Two chains of multiply-adds at once, all in registers, are {chains:.2f} times as fast as one: what the cores share by themselves.")
