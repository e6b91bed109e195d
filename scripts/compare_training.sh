#!/usr/bin/env bash
# Trains the same networks here and in PyTorch by turns in the same minutes, one thread each: images per second, their ratio,
# and the fraction of the processor's multiply-adds that is used.
#
#   scripts/compare_training.sh [SECONDS [ROUNDS]]
#
# PyTorch is installed from PyPI into a folder of its own (some gigabytes, once): $NASBENCH_TORCH or ~/.cache/nasbench/torch.
set -euo pipefail
cd "$(dirname "$0")/.."
python="$(scripts/python.sh "${NASBENCH_TORCH:-${XDG_CACHE_HOME:-$HOME/.cache}/nasbench/torch}" torch numpy)"
target="${CARGO_TARGET_DIR:-target}"
cargo build --release --quiet --locked --example training_speed
"$python" scripts/compare_training.py "$target/release/examples/training_speed" "$@"
