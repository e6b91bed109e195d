"""Cells as `torch.nn.Module`, equal to the networks that the program trains; needs PyTorch."""

import json

import torch
from torch import nn

from nasbench._nasbench import Cell, _saved

__all__ = ["Network", "network", "saved"]

#: What is added to the variance in batch normalisation, and how much of its statistics a step keeps, as in NAS-Bench-101.
EPSILON, MOMENTUM = 1e-5, 0.997


class _Convolution(nn.Sequential):
    def __init__(self, inputs, outputs, kernel, epsilon, momentum):
        convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        super().__init__(convolution, nn.BatchNorm2d(outputs, eps=epsilon, momentum=1 - momentum), nn.ReLU())


def _module(step, inputs, epsilon, momentum):
    operator = step["operator"]
    if operator.startswith("Convolution"):
        kernel = int("".join(character for character in operator if character.isdigit()))
        return _Convolution(inputs, step["channels"], kernel, epsilon, momentum)
    if operator == "MaxPool3":
        return nn.MaxPool2d(3, stride=1, padding=1)
    if operator == "AvgPool3":
        return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
    if operator == "MaxPool2":
        # An odd last row or column makes a window of its own.
        return nn.MaxPool2d(2, stride=2, ceil_mode=True)
    if operator == "GlobalAvgPool":
        return nn.AdaptiveAvgPool2d(1)
    if operator == "Linear":
        return nn.Sequential(nn.Flatten(), nn.Linear(inputs, step["channels"]))
    return nn.Identity()


class Network(nn.Module):
    """The network of a cell. Its input are images as the network sees them: normalised, [n, channels, height, width]; its output logits."""

    def __init__(self, plan, image_channels, epsilon=EPSILON, momentum=MOMENTUM):
        super().__init__()
        channels = [image_channels]
        self._reads = []
        modules = []
        for step in plan:
            inputs = [count for _, count in step["inputs"]]
            modules.append(_module(step, inputs[0], epsilon, momentum))
            self._reads.append((step["operator"], step["name"], step["inputs"]))
            channels.append(step["channels"])
        self._channels = channels
        self.steps = nn.ModuleList(modules)

    def forward(self, images):
        buffers = [images]
        for module, (operator, _, reads) in zip(self.steps, self._reads):
            read = [buffers[place] if count == self._channels[place] else buffers[place][:, :count] for place, count in reads]
            if operator == "Sum":
                value = torch.stack(read).sum(0) if len(read) > 1 else read[0]
            elif operator == "Concatenate":
                value = torch.cat(read, dim=1)
            else:
                value = module(read[0])
            buffers.append(value)
        return buffers[-1]

    def load_arrays(self, arrays):
        """Takes the weights and statistics of a saved model: arrays by their names in its file."""
        with torch.no_grad():
            for module, (operator, name, _) in zip(self.steps, self._reads):
                if operator.startswith("Convolution"):
                    module[0].weight.copy_(arrays[f"{name}.kernel"])
                    module[1].weight.copy_(arrays[f"{name}.scale"])
                    module[1].bias.copy_(arrays[f"{name}.offset"])
                    module[1].running_mean.copy_(arrays[f"{name}.mean"])
                    module[1].running_var.copy_(arrays[f"{name}.variance"])
                elif operator == "Linear":
                    module[1].weight.copy_(arrays[f"{name}.matrix"].T)
                    module[1].bias.copy_(arrays[f"{name}.bias"])
        return self


def network(cell, image=(3, 32, 32), weights=None, **changed):
    """The network of a cell, in PyTorch's own initialisation: by default that of NAS-Bench-101; `channels`, `stacks`, `cells_per_stack`,
    `classes` and `image` (channels, height, width) make another one of it. With `weights`, the file of a saved model, it is that model."""
    if weights is not None:
        if changed:
            raise TypeError(f"a saved model has its own network: `{next(iter(changed))}` cannot be given beside `weights`")
        found, card = saved(weights)
        written = Cell(card["cell"]["adjacency"], card["cell"]["operations"])
        if written != cell:
            raise ValueError(f"`{weights}` is of another cell: expected {cell.hash}, found {written.hash}")
        return found
    return Network(cell._plan(image=tuple(image), **changed), image[0])


def saved(file):
    """The network of a model that `nasbench train --save` wrote, with its weights, and what its file says of it, a dict.

    Images are normalised by `(pixels - mean) / deviation` of each channel, with pixels from 0 to 255.
    """
    plan, image_channels, epsilon, momentum, arrays, card = _saved(file)
    arrays = {name: torch.frombuffer(bytearray(values), dtype=torch.float32).reshape(shape) for name, (shape, values) in arrays.items()}
    return Network(plan, image_channels, epsilon, momentum).load_arrays(arrays).eval(), json.loads(card)
