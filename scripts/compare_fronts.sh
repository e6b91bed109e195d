#!/usr/bin/env bash
# What multi-objective searches take here and in pymoo, in the same minutes: the exact front of 423,624 points in 3 objectives, the
# hypervolume of 200 points in 4, and NSGA-II with populations of 100 and 10,000 evaluations. Ours looks a table of all cells up;
# pymoo's evaluation is an index into an array, so that its time is that of the search alone.
#
#   scripts/compare_fronts.sh
#
# pymoo is installed from PyPI into a folder of its own (once): $NASBENCH_PYMOO or ~/.cache/nasbench/pymoo.
set -euo pipefail
cd "$(dirname "$0")/.."
python="$(scripts/python.sh "${NASBENCH_PYMOO:-${XDG_CACHE_HOME:-$HOME/.cache}/nasbench/pymoo}" pymoo numpy)"
cargo bench --quiet --locked --bench fronts -- --noplot | grep --extended-regexp 'time:|^fronts'
cargo bench --quiet --locked --bench search -- --noplot nsga-2 | grep --extended-regexp 'time:|^search'
"$python" scripts/compare_fronts.py
