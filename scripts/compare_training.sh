#!/usr/bin/env bash
# Trains the same networks here and in PyTorch by turns in the same minutes, one thread each: images per second, their ratio,
# and the fraction of the processor's multiply-adds that is used.
#
#   scripts/compare_training.sh [SECONDS [ROUNDS]]
#
# PyTorch is installed from PyPI into a folder of its own (some gigabytes, once): $NASBENCH_TORCH or ~/.cache/nasbench/torch.
set -euo pipefail
cd "$(dirname "$0")/.."
environment="${NASBENCH_TORCH:-${XDG_CACHE_HOME:-$HOME/.cache}/nasbench/torch}"
if [ ! -x "$environment/bin/python" ]; then
    python3 -m venv "$environment"
fi
if ! "$environment/bin/python" -c 'import torch, numpy' 2>/dev/null; then
    "$environment/bin/pip" install --quiet torch numpy
fi
target="${CARGO_TARGET_DIR:-target}"
cargo build --release --quiet --locked --example training_speed
"$environment/bin/python" scripts/compare_training.py "$target/release/examples/training_speed" "$@"
