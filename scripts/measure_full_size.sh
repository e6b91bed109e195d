#!/usr/bin/env bash
# Trains two steps of the full-size official network (32×32 images, 128 channels, batches of 256) on made-up images, and compares
# the memory that was announced with what the process took: it fails if the process took more. Some minutes and 12 GiB.
#
#   scripts/measure_full_size.sh [BATCH]
#
# The program is built first, unless NASBENCH names it.
set -euo pipefail
cd "$(dirname "$0")/.."
batch="${1:-256}"
NASBENCH="$(scripts/program.sh "${NASBENCH:-}")"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT

python3 - "$folder/made-up.npz" "$batch" <<'PYTHON'
import random
import sys
import zipfile

path, batch = sys.argv[1], int(sys.argv[2])


def npy(shape, values):
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + values


random.seed(1)
with zipfile.ZipFile(path, "w") as archive:
    for split, count in [("train", 2 * batch), ("validation", 16), ("test", 16)]:
        archive.writestr(f"x_{split}.npy", npy((count, 32, 32, 3), random.randbytes(count * 32 * 32 * 3)))
        archive.writestr(f"y_{split}.npy", npy((count,), bytes(image % 10 for image in range(count))))
PYTHON
"$NASBENCH" list protocols --toml nas-bench-101 | sed \
    -e "s/^batch_size = .*/batch_size = $batch/" -e "s/^train = .*/train = $((2 * batch))/" \
    -e "s/^\(validation\|test\|train_accuracy\|curve\) = .*/\1 = 16/" >"$folder/two-steps.toml"

cell=(--edges 0-1,1-2,2-3 --ops conv3x3-bn-relu,conv3x3-bn-relu)
took="$(scripts/measured.py "$NASBENCH" train "${cell[@]}" --dataset npz --data-dir "$folder/made-up.npz" \
    --protocol "$folder/two-steps.toml" --epochs 1 --format json --quiet 2>&1 >"$folder/trained.json")"
python3 - "$folder/trained.json" "$took" <<'PYTHON'
import json
import re
import sys

trained = json.load(open(sys.argv[1]))
trained = trained[0] if isinstance(trained, list) else trained
announced = trained["peak_memory"] / 2**20
used = float(re.search(r"peak memory (\d+) MiB", sys.argv[2])[1])
print(f"{trained['trainable_parameters']:,} parameters: {announced:,.0f} MiB announced, {used:,.0f} MiB taken; {sys.argv[2]}")
sys.exit(used > announced)
PYTHON
