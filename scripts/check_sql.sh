#!/usr/bin/env bash
# Asks the bundled benchmark the same questions in SQL with `nasbench query --sql` and with DuckDB on the same Parquet file, and
# compares every value; questions that DuckDB refuses must be refused here, too. Then reads the file, and one that `nasbench export`
# writes, with fastparquet, which knows only the encodings that every reader knows.
#
#   scripts/check_sql.sh [NASBENCH]
#
# NASBENCH is the program; without it a release build is made. duckdb, fastparquet and pyarrow come from PyPI, into a folder that is
# removed afterwards.
set -euo pipefail
cd "$(dirname "$0")/.."
nasbench="$(scripts/program.sh "${1:-}")"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python="$(scripts/python.sh "${PYTHON_FOLDER:-$folder/venv}" duckdb fastparquet pyarrow)"
bench=data/nb101-5v-clutter
"$nasbench" --quiet export "$bench" --format parquet --out "$folder/exported.parquet"
"$python" scripts/check_sql.py "$nasbench" "$bench" "$folder/exported.parquet"
