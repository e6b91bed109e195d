#!/usr/bin/env bash
# Measures what searches and their comparison take: 500 runs of each of eight algorithms with 1,000 evaluations on a table of
# made-up numbers, then SMAC with 300 evaluations, then single searches in processor time.
#
#   scripts/compare_searches.sh [RUNS [CELLS]]
#
# Without arguments there are 500 runs, on the 64,542 cells of at most 6 vertices; 423,624 are all cells, for which the disk must
# hold some 4 GB. The program and the maker of the table are built first, unless NASBENCH and MAKE_SYNTHETIC name them;
# BENCH names a benchmark that is there already, with 4, 12, 36 and 108 epochs.
set -euo pipefail
cd "$(dirname "$0")/.."
runs="${1:-500}"
cells="${2:-64542}"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
target="${CARGO_TARGET_DIR:-target}"
if [ -z "${NASBENCH:-}" ]; then
    cargo build --release --locked --quiet --bin nasbench
fi
nasbench="${NASBENCH:-$target/release/nasbench}"
bench="${BENCH:-$folder/synthetic}"
if [ -z "${BENCH:-}" ]; then
    if [ -z "${MAKE_SYNTHETIC:-}" ]; then
        cargo build --release --locked --quiet --example make_synthetic
    fi
    "${MAKE_SYNTHETIC:-$target/release/examples/make_synthetic}" \
        --cells "$cells" --epochs 4,12,36,108 --repeats 3 --rows-per-shard 65536 --seed 1 --out "$bench" >/dev/null
fi

# Prints what a comparison into a folder took in all, and each algorithm by itself.
measured() {
    scripts/measured.py "$nasbench" compare --on "$bench" --out "$@" --quiet 2>&1 > /dev/null
    python3 - "$1/overhead.json" <<'PYTHON'
import json, sys
overhead = json.load(open(sys.argv[1]))
print(f"{overhead['threads']} threads; runs and statistics {overhead['wall_seconds_of_the_last_command']:.1f} s")
for one in overhead["algorithms"]:
    mean, longest = one["mean_seconds_of_a_run"], one["longest_seconds_of_a_run"]
    print(f"  {one['algorithm']:<28} {1e3 * mean:9.3f} ms of processor time a run, {1e3 * longest:9.3f} ms at most")
PYTHON
}

eight=random,regularized-evolution,non-regularized-evolution,genetic,local-search,reinforce,successive-halving,hyperband
echo "$runs runs of each of eight algorithms, 1,000 evaluations:"
measured "$folder/eight" --algorithms "$eight" --runs "$runs" --budget 1000evals
echo "models, 300 evaluations:"
measured "$folder/smac" --algorithms smac,tpe,screened-evolution --runs 10 --budget 300evals
echo "BANANAS, 150 evaluations:"
measured "$folder/bananas" --algorithms bananas --runs 4 --budget 150evals
