#!/usr/bin/env bash
# Measures what keeping a recording of the whole space takes: `nasbench plan`, and `nasbench compact` and `nasbench check` of
# 423,624 cells × 12 made-up rows in shards, as time and as peak memory, which must stay below 2 GB.
#
#   scripts/measure_large.sh [CELLS [ROWS_PER_SHARD [FOLDER]]]
#
# Without arguments it makes 5,083,488 rows in shards of 8,192, some 4 GB, in a folder that it removes afterwards; the disk
# must hold them twice. The program and the maker are built first, unless NASBENCH and MAKE_SYNTHETIC name them.
set -euo pipefail
cd "$(dirname "$0")/.."
cells="${1:-423624}"
rows="${2:-8192}"
folder="${3:-}"
if [ -z "$folder" ]; then
    folder="$(mktemp -d)"
    trap 'rm -rf "$folder"' EXIT
fi
target="${CARGO_TARGET_DIR:-target}"
if [ -z "${NASBENCH:-}" ] || [ -z "${MAKE_SYNTHETIC:-}" ]; then
    cargo build --release --locked --quiet --bin nasbench --example make_synthetic
fi
nasbench="${NASBENCH:-$target/release/nasbench}"
make_synthetic="${MAKE_SYNTHETIC:-$target/release/examples/make_synthetic}"
bench="$folder/synthetic-$cells"

# Fails if a command takes 2 GB or more.
measured() { scripts/measured.py --most-bytes 2000000000 "$@" 2>&1; }

echo "plan:"
measured "$nasbench" plan "$folder/planned" --space nas-bench-101 --epochs 4,12,36 --repeats 4 --protocol quick --quiet

promise=(--space nas-bench-101 --epochs 4,12,36 --repeats 4)
if [ "$cells" != 423624 ]; then
    promise=(--epochs 4,12,36 --repeats 4)
fi
if [ ! -e "$bench" ]; then
    "$make_synthetic" --cells "$cells" --epochs 4,12,36 --repeats 4 --rows-per-shard "$rows" --seed 1 --out "$bench"
fi
echo "shards: $(find "$bench/shards" -name '*.parquet' | wc -l) files, $(du -sb "$bench/shards" | cut -f1) bytes"
echo "check of the shards:"
measured "$nasbench" check "$bench" "${promise[@]}"
echo "compact:"
measured "$nasbench" compact "$bench"
echo "check of the compacted file:"
measured "$nasbench" check "$bench" "${promise[@]}"
