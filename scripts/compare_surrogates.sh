#!/usr/bin/env bash
# Random forests here and in scikit-learn, by turns in the same minutes, on all cores: 100 trees on 60 features of 1,000 and 10,000
# cells, and scoring all 423,624 cells. Prints the seconds and their ratios.
#
#   scripts/compare_surrogates.sh [ROUNDS]
#
# scikit-learn is installed from PyPI into a folder of its own (once): $NASBENCH_SKLEARN or ~/.cache/nasbench/sklearn.
set -euo pipefail
cd "$(dirname "$0")/.."
python="$(scripts/python.sh "${NASBENCH_SKLEARN:-${XDG_CACHE_HOME:-$HOME/.cache}/nasbench/sklearn}" numpy scikit-learn)"
target="${CARGO_TARGET_DIR:-target}"
cargo build --release --quiet --locked --example surrogate_speed
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$python" scripts/compare_surrogates.py "$target/release/examples/surrogate_speed" "$folder" "$@"
