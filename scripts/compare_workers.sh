#!/usr/bin/env bash
# Records the same 91 cells by turns with one worker and with two, and prints models per hour and their ratio. Each recording is a
# new one in a folder that is removed afterwards; nothing else should run meanwhile.
#
#   scripts/compare_workers.sh [ROUNDS [EPOCHS]]
#
# NASBENCH names the program, else a release build is made.
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${1:-3}
epochs=${2:-6}
NASBENCH="$(scripts/program.sh "${NASBENCH:-}")"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Prints the models per hour of a new recording with so many workers.
rate() {
    local bench="$folder/$1-$2" started
    started=$(date +%s.%N)
    "$NASBENCH" record "$bench" --max-vertices 4 --protocol shipped --epochs "$epochs" --repeats 1 --workers "$1" --quiet > /dev/null
    awk -v a="$started" -v b="$(date +%s.%N)" 'BEGIN { printf "%.0f", 91 * 3600 / (b - a) }'
}

for round in $(seq "$rounds"); do
    one=$(rate 1 "$round")
    two=$(rate 2 "$round")
    awk -v one="$one" -v two="$two" 'BEGIN { printf "one worker %d models an hour, two %d: %.2f times as many\n", one, two, two / one }'
done
