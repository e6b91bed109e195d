#!/usr/bin/env bash
# Prints how fast stacks of models train on a GPU: images a second by the number of models, launches a step, memory, bytes a second (by
# the sums of `engine::traffic`) as a share of what a copy reaches, and the hours that all 423,624 cells would take (3 repeats, 26 epochs of
# 6,000 images); then the lane engine on all cores, and burn on the same adapter.
#
#   scripts/measure_gpu.sh [DEVICE]
set -euo pipefail
cd "$(dirname "$0")/.."

cargo run --release --locked --features gpu --example measure_gpu -- "${1:-gpu}"
