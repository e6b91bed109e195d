"""Makes the files beside it, with numpy 2 and pillow 13 of PyPI: `python tests/data/own/make.py`."""

from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent


def grey(n):
    """Images of 4 × 5 pixels: image i holds i, i + 1, …, i + 19."""
    return (np.arange(n)[:, None, None] + np.arange(20).reshape(4, 5)).astype("u1")


def colour(n):
    """The same, with 100 more in the green channel and 200 more in the blue."""
    return np.stack([grey(n), grey(n) + 100, grey(n) + 200], axis=-1).astype("u1")


# Ten images, seven of class 0 and three of class 1, without splits.
np.savez_compressed(HERE / "whole.npz", x=grey(10), y=np.array([0, 0, 1, 0, 0, 1, 0, 0, 1, 0], dtype="<i8"))
# Splits given, in colour, stored as they are; the labels as Keras has them.
np.savez(
    HERE / "splits.npz",
    x_train=colour(4), y_train=np.array([[0], [1], [2], [1]], dtype="u1"),
    x_validation=colour(2), y_validation=np.array([2, 0], dtype=">i2"),
    x_test=colour(3), y_test=np.array([1, 0, 2], dtype="<u4"),
)
pictures = HERE / "pictures"
pictures.mkdir(exist_ok=True)
Image.fromarray(grey(1)[0]).save(pictures / "grey.png", optimize=True)
Image.fromarray(colour(1)[0]).save(pictures / "colour.png", optimize=True)
Image.fromarray(grey(1)[0].astype("u2") * 257).save(pictures / "deep.png", optimize=True)
Image.fromarray((grey(1)[0] > 9).astype("?")).save(pictures / "black-and-white.png", optimize=True)
Image.fromarray(colour(1)[0]).quantize(20).save(pictures / "palette.png", optimize=True)
opaque = np.concatenate([colour(1)[0], np.full((4, 5, 1), 255, "u1")], axis=-1)
Image.fromarray(opaque).save(pictures / "opaque.png", optimize=True)
opaque[2, 3, 3] = 7
Image.fromarray(opaque).save(pictures / "translucent.png", optimize=True)
Image.fromarray(np.full((4, 5), 77, "u1")).save(pictures / "grey.jpg", quality=95)
plain = np.broadcast_to(np.array([200, 100, 50], "u1"), (4, 5, 3))
Image.fromarray(plain).save(pictures / "colour.jpeg", quality=95)
Image.fromarray(plain).save(pictures / "progressive.jpg", quality=95, progressive=True)
Image.fromarray(np.full((4, 5, 4), 90, "u1"), "CMYK").save(pictures / "print.jpg", quality=95)
