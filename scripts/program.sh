#!/usr/bin/env bash
# Prints the path of the program that a script runs: the given one, or a release build of this folder.
#
#   scripts/program.sh [PROGRAM]
set -euo pipefail
cd "$(dirname "$0")/.."
program="${1:-}"
if [ -z "$program" ]; then
    cargo build --release --quiet --locked --bin nasbench >&2
    program="${CARGO_TARGET_DIR:-target}/release/nasbench"
fi
realpath "$program"
