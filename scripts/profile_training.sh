#!/usr/bin/env bash
# Says where a training step spends its time, by kind of step and direction: microseconds an image, and beside them what the
# multiply-adds alone and the bytes alone would take.
#
#   scripts/profile_training.sh [SECONDS [CONFIGURATION...]]     10 seconds of each of the four reference networks
#
# Needs Linux's perf. SPEED is the example `training_speed`, built so that it names what a kernel is specialised for and keeps frame
# pointers; without it that is built here. Only this crate is compiled so: everything below it is what a release build has.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds="${1:-10}"
shift || true
speed="${SPEED:-}"
if [ -z "$speed" ]; then
    RUSTC_WORKSPACE_WRAPPER="$PWD/scripts/rustc_for_profiles.sh" cargo build --release --quiet --locked --example training_speed
    speed="${CARGO_TARGET_DIR:-target}/release/examples/training_speed"
fi
folder="$(mktemp -d)"
trap 'rm -r "$folder"' EXIT
for configuration in "${@:-14-8 14-16 28-16 32-32}"; do
    for one in $configuration; do
        echo "$one"
        "$speed" plan "$one" > "$folder/plan"
        "$speed" peak 1 > "$folder/peak"
        "$speed" stream 1 > "$folder/stream"
        perf record --quiet --freq 999 --call-graph fp --output "$folder/samples" "$speed" train "$one" "$seconds" > "$folder/speed"
        perf script --input "$folder/samples" --no-inline --fields ip,sym > "$folder/stacks" 2> /dev/null
        python3 scripts/profile_training.py "$folder"
        echo
    done
done
