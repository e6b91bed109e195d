#!/bin/bash
# What a machine does to a recording: a full disk, a read-only file system, a folder that is removed, a clock that is set back.
# Each must give a clear error (or none), and after it is mended the same command must end with every row there once, as in a
# recording that was left alone.
#
#   scripts/check_faults.sh
#
# NASBENCH names the program, else a release build is made. Full and read-only disks are small file systems in memory, which
# takes root; clocks are set back by Debian's faketime, where it is installed.
set -euo pipefail
cd "$(dirname "$0")/.."

[ "$(id -u)" = 0 ] || { echo "skipped: small file systems take root"; exit 0; }
NASBENCH="$(scripts/program.sh "${NASBENCH:-}")"
export NASBENCH
folder=$(mktemp -d)
disk=$folder/disk
mkdir "$disk"
trap 'umount "$disk" 2> /dev/null || true; rm -rf "$folder"' EXIT

cells=(--space nas-bench-101 --max-vertices 4)
models=(--epochs 4,8 --repeats 3)
record() { "$NASBENCH" record "$1" "${cells[@]}" "${models[@]}" --protocol tests/tiny.toml --workers 2 --quiet; }
complete() {
    "$NASBENCH" check "$1" "${cells[@]}" "${models[@]}" --quiet > "$folder/check.txt" || { cat "$folder/check.txt"; exit 1; }
    scripts/results.sh "$1" | cmp - "$folder/alone.csv"
    echo "  then complete, each row once"
}
# Runs a command that must fail and name a file of the benchmark.
refused() {
    if "$@" > /dev/null 2> "$folder/error.txt"; then echo "failed: no error was given"; exit 1; fi
    grep -q "^error: .*$disk/bench" "$folder/error.txt" || { echo "failed: an unclear error:"; cat "$folder/error.txt"; exit 1; }
    echo "  $(sed "s|$folder/||g" "$folder/error.txt" | head -1 | cut -c1-200)"
}

record "$folder/alone" > /dev/null
scripts/results.sh "$folder/alone" > "$folder/alone.csv"

for size in 40k 120k 300k; do
    echo "a disk of $size:"
    mount -t tmpfs -o size=$size none "$disk"
    refused record "$disk/bench"
    mount -o remount,size=64m "$disk"
    record "$disk/bench" > /dev/null
    complete "$disk/bench"
    mount -o remount,size=$(($(du -sk "$disk" | cut -f1) + 8))k "$disk"
    refused "$NASBENCH" compact "$disk/bench" --quiet
    mount -o remount,size=64m "$disk"
    "$NASBENCH" compact "$disk/bench" --quiet > /dev/null
    complete "$disk/bench"
    umount "$disk"
done

echo "a file system that can only be read:"
mount -t tmpfs -o size=64m none "$disk"
record "$disk/bench" > /dev/null
mount -o remount,ro "$disk"
refused record "$disk/bench"
refused "$NASBENCH" compact "$disk/bench" --quiet
mount -o remount,rw "$disk"
record "$disk/bench" > /dev/null
complete "$disk/bench"
umount "$disk"

echo "a folder that is removed in the middle:"
mount -t tmpfs -o size=64m none "$disk"
{ sleep 1; rm -rf "$disk/bench"; } &
refused record "$disk/bench"
wait
record "$disk/bench" > /dev/null
complete "$disk/bench"

if command -v faketime > /dev/null; then
    echo "a clock that is set back by a year:"
    rm -rf "$disk/bench"
    "$NASBENCH" record "$disk/bench" "${cells[@]}" --epochs 4 --repeats 3 --protocol tests/tiny.toml --workers 2 --quiet > /dev/null
    faketime -f -1y "$NASBENCH" record "$disk/bench" "${cells[@]}" "${models[@]}" --protocol tests/tiny.toml --workers 2 --quiet > /dev/null
    complete "$disk/bench"
else
    echo "a clock that is set back: skipped, faketime is not installed"
fi
