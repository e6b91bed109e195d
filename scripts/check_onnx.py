"""Compares the logits of exported models in onnxruntime with those that nasbench wrote beside them; see check_onnx.sh."""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

MOST = 1e-4


def arrays(file):
    """The arrays of a safetensors file, by name."""
    data = file.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header.pop("__metadata__", None)
    found = {}
    for name, entry in header.items():
        start, stop = entry["data_offsets"]
        found[name] = np.frombuffer(data[end + start : end + stop], dtype="<f4").reshape(entry["shape"])
    return found


def main(folder):
    worst = 0.0
    models = sorted(folder.glob("*.onnx"))
    assert models, f"no exported models in {folder}"
    print(f"onnxruntime {onnxruntime.__version__}")
    for model in models:
        answers = arrays(model.with_suffix(".answers"))
        session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
        (found,) = session.run(["logits"], {"pixels": answers["pixels"]})
        (one,) = session.run(["logits"], {"pixels": answers["pixels"][:1]})
        expected = answers["logits"]
        difference = float(np.abs(found - expected).max())
        alone = float(np.abs(one - expected[:1]).max())
        agree = int((found.argmax(1) == expected.argmax(1)).sum())
        entries = len(session.get_modelmeta().custom_metadata_map)
        print(
            f"{model.stem:12} {len(expected)} images, logits from {expected.min():.2f} to {expected.max():.2f}: "
            f"greatest difference {difference:.1e}, one image alone {alone:.1e}, "
            f"{agree} of {len(expected)} classes equal, {entries} entries of metadata"
        )
        worst = max(worst, difference, alone)
    print(f"greatest difference {worst:.1e}, at most {MOST:.0e} wanted")
    return 0 if worst <= MOST else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
