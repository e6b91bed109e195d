#!/bin/bash
# Kills a small recording with -9 at random moments, again and again, lets it finish, and compares it with one that was left
# alone: no row may be lost or double, no file unreadable, and everything but times the same.
#
#   scripts/kill_recording.sh [KILLS [FOLDER]]
#
# NASBENCH names the program, else a release build is made. Every tenth kill hits a compaction.
set -euo pipefail
cd "$(dirname "$0")/.."

kills=${1:-200}
folder=${2:-$(mktemp -d)}
NASBENCH="$(scripts/program.sh "${NASBENCH:-}")"
export NASBENCH
RANDOM=1

cells=(--space nas-bench-101 --max-vertices 4)
models=(--epochs 4,8 --repeats 3)
record() { "$NASBENCH" record "$1" "${cells[@]}" "${models[@]}" --protocol tests/tiny.toml --workers 2 --quiet; }

started=$(date +%s.%N)
record "$folder/alone" > /dev/null
whole=$(awk -v a="$started" -v b="$(date +%s.%N)" 'BEGIN { print b - a }')
scripts/results.sh "$folder/alone" > "$folder/alone.csv"
rows=$(($(wc -l < "$folder/alone.csv") - 1))
echo "a recording of $rows rows takes $whole s"

done_kills=0
recordings=0
while [ "$done_kills" -lt "$kills" ]; do
    recordings=$((recordings + 1))
    killed="$folder/killed-$recordings"
    is_finished=no
    while [ $is_finished = no ] && [ "$done_kills" -lt "$kills" ]; do
        if [ $((done_kills % 10)) -eq 9 ] && [ -e "$killed/benchmark.toml" ]; then
            "$NASBENCH" compact "$killed" --quiet > /dev/null 2>&1 &
        else
            # `exec`, so that the program itself is killed and not a shell around it.
            (exec "$NASBENCH" record "$killed" "${cells[@]}" "${models[@]}" --protocol tests/tiny.toml --workers 2 --quiet) > /dev/null 2>&1 &
        fi
        # From the first milliseconds to a twentieth of the whole.
        sleep "$(awk -v r=$RANDOM -v w="$whole" 'BEGIN { print 0.003 + r / 32768 * w / 20 }')"
        if kill -0 $! 2> /dev/null && kill -9 $! 2> /dev/null; then done_kills=$((done_kills + 1)); else is_finished=maybe; fi
        wait $! 2> /dev/null || true
        # What ended by itself before it was killed was a compaction, or the end of the recording.
        if [ $is_finished = maybe ]; then
            if "$NASBENCH" check "$killed" "${cells[@]}" "${models[@]}" --quiet > /dev/null 2>&1; then is_finished=yes; else is_finished=no; fi
        fi
    done
    record "$killed" > /dev/null
    "$NASBENCH" check "$killed" "${cells[@]}" "${models[@]}" --quiet > "$folder/check.txt" || { cat "$folder/check.txt"; exit 1; }
    scripts/results.sh "$killed" | cmp - "$folder/alone.csv"
    "$NASBENCH" compact "$killed" --quiet > /dev/null
    "$NASBENCH" check "$killed" "${cells[@]}" "${models[@]}" --quiet > "$folder/check.txt" || { cat "$folder/check.txt"; exit 1; }
    scripts/results.sh "$killed" | cmp - "$folder/alone.csv"
done
echo "$done_kills kills of $recordings recordings: every time the $rows rows of the recording that was left alone"
