#!/usr/bin/env bash
# Measures what a person waits for with a table of the official size: the whole space, the import of a made-up official file
# (CPU time, peak memory, size on disk), a look-up by hash and one of many cells.
#
#   scripts/measure_official.sh [CELLS [FOLDER]]
#
# Without arguments it makes 1,270,872 records of all 423,624 cells, some 500 MB, in a folder that it removes afterwards.
set -euo pipefail
cd "$(dirname "$0")/.."
cells="${1:-423624}"
folder="${2:-}"
if [ -z "$folder" ]; then
    folder="$(mktemp -d)"
    trap 'rm -rf "$folder"' EXIT
fi
target="${CARGO_TARGET_DIR:-target}"
cargo build --release --quiet --bin nasbench --example make_official
file="$folder/official-$cells.tfrecord"
if [ ! -e "$file" ]; then
    "$target/release/examples/make_official" --cells "$cells" --epochs 108 --repeats 3 --seed 1 --out "$file"
fi
rm -rf "$folder/bench"

echo "all cells of the space with their hashes:"
scripts/measured.py "$target/release/nasbench" space list --format hashes | sha256sum
echo "import:"
scripts/measured.py "$target/release/nasbench" --quiet import "$file" --out "$folder/bench"
original="$(stat -c %s "$file")"
imported="$(stat -c %s "$folder/bench/records.parquet")"
echo "size: $original bytes of tfrecord, $imported bytes of table: 1/$(echo "scale=1; $original / $imported" | bc)"
hash="$("$target/release/nasbench" query "$folder/bench" --best 1 --format csv | tail -1 | cut -d, -f1)"
echo "look-up by hash, the whole process, three times:"
for _ in 1 2 3; do
    scripts/measured.py "$target/release/nasbench" query "$folder/bench" --hash "$hash" --format csv
done
echo "the means of 1,000 cells, which opens the whole table:"
"$target/release/nasbench" space sample --count 1000 --seed 1 --format json > "$folder/cells.json"
scripts/measured.py "$target/release/nasbench" query "$folder/bench" --cell "$folder/cells.json" --format csv | tail -1
