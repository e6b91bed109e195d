#!/usr/bin/env bash
# Trains a few cells briefly, exports them as ONNX, and compares what onnxruntime answers to test images with what nasbench does.
#
#   scripts/check_onnx.sh [NASBENCH]
#
# NASBENCH is the program; without it a release build is made. onnxruntime and numpy come from PyPI, into a folder that is removed
# afterwards. Fails if a logit differs by more than 1e-4.
set -euo pipefail
cd "$(dirname "$0")/.."
nasbench="$(scripts/program.sh "${1:-}")"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python="$(scripts/python.sh "$folder/venv" onnxruntime numpy)"

# Edges and operations: no vertex, a chain, sums, all operations, and shares of channels that do not divide evenly.
while read -r name edges operations; do
    cell=(--edges "$edges" --ops "${operations:-}")
    "$nasbench" --quiet train "${cell[@]}" --epochs 1 --seed 1 --save "$folder/$name.safetensors" --format csv >/dev/null
    "$nasbench" --quiet evaluate "$folder/$name.safetensors" --export "$folder/$name.onnx" \
        --answers "$folder/$name.answers" --images 256 --format csv >/dev/null
done <<'CELLS'
bare 0-1
chain 0-1,1-2,2-3 conv3x3-bn-relu,maxpool3x3
sums 0-1,0-2,1-3,2-3,1-2 conv3x3-bn-relu,conv1x1-bn-relu
operations 0-1,1-2,2-3,3-4,4-5,5-6,0-6 conv3x3-bn-relu,conv1x1-bn-relu,maxpool3x3,avgpool3x3,identity
uneven 0-1,0-2,0-3,1-3,1-4,2-5,3-5,4-5 conv3x3-bn-relu,conv1x1-bn-relu,maxpool3x3,conv3x3-bn-relu
CELLS
grep -q Slice "$folder/uneven.onnx"
"$python" scripts/check_onnx.py "$folder"
