#!/usr/bin/env bash
# Builds the program of each commit from nothing, one after the other, and prints what that took: CPU minutes (user and system, of all
# processes of the build), minutes on the clock, the size of the program, and the crates that took most CPU time. Downloads are not
# counted. The CPU minutes of two commits compare only if the machine had as much else to do for one as for the other: name both, or
# the first one again at the end.
#
#   scripts/measure_build.sh [COMMIT…]        (default: HEAD)
#
# CRATES is how many crates are listed (default: 15), ARGUMENTS what `cargo build --release --locked` gets besides, as in
# ARGUMENTS='--no-default-features --features cli'. Needs 5 GB in TMPDIR for each build in turn.
set -euo pipefail
cd "$(dirname "$0")/.."
folder="$(mktemp -d)"
trap 'git worktree remove --force "$folder/source" 2>/dev/null || true; rm -rf "$folder"' EXIT

# cargo starts each compiler through this.
cat >"$folder/wrapper" <<'WRAPPER'
#!/usr/bin/env bash
crate=cargo
for ((i = 1; i < $#; i++)); do
    if [ "${!i}" = --crate-name ]; then j=$((i + 1)) && crate="${!j}"; fi
done
code=0
"$@" || code=$?
times >"$TIMES/$crate.$$"
exit "$code"
WRAPPER
chmod +x "$folder/wrapper"

printf '%-10s %8s %8s %8s\n' commit 'CPU min' 'min' 'MB'
for commit in "${@:-HEAD}"; do
    git worktree add --quiet --detach "$folder/source" "$commit"
    mkdir "$folder/times"
    (
        cd "$folder/source"
        export CARGO_TARGET_DIR="$folder/target" CARGO_TERM_COLOR=never
        cargo fetch --quiet --locked
        export RUSTC_WRAPPER="$folder/wrapper" TIMES="$folder/times" TIMEFORMAT='%U %S %R'
        # shellcheck disable=SC2086  # several arguments
        { time cargo build --release --locked --offline --bin nasbench ${ARGUMENTS:-} >"$folder/log" 2>&1; } 2>"$folder/time" ||
            { cat "$folder/log" >&2 && exit 1; }
    )
    read -r user kernel clock <"$folder/time"
    bytes="$(stat --format %s "$folder/target/release/nasbench")"
    awk -v commit="$(git rev-parse --short "$commit")" -v user="$user" -v kernel="$kernel" -v clock="$clock" -v bytes="$bytes" \
        'BEGIN { printf "%-10s %8.1f %8.1f %8.1f\n", commit, (user + kernel) / 60, clock / 60, bytes / 1e6 }'
    # The second line of each file is what the compiler took: `1m2.345s 0m1.234s`.
    awk 'FNR == 2 {
        crate = FILENAME; sub(/.*\//, "", crate); sub(/\.[0-9]+$/, "", crate)
        for (i = 1; i <= 2; i++) { split($i, parts, /[ms]/); seconds[crate] += 60 * parts[1] + parts[2] }
    } END { for (crate in seconds) printf "    %-30s %7.1f s\n", crate, seconds[crate] }' "$folder"/times/* |
        sort -k2 -n -r | sed -n "1,${CRATES:-15}p"
    git worktree remove --force "$folder/source"
    rm -rf "$folder/target" "$folder/times"
done
