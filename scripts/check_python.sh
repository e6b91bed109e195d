#!/usr/bin/env bash
# Builds the Python package as a wheel, installs it into a fresh environment, and runs its tests and examples there: first with nothing else
# installed, then with numpy, pyarrow and pandas, then with optuna and SMAC. Says so and ends well where PyPI cannot be reached.
#
#   scripts/check_python.sh [PYTHON]
#
# PROFILE is that of cargo: `dev` by default, which shares the libraries of `cargo test`; `release` builds what is published.
set -euo pipefail
cd "$(dirname "$0")/.."
python="${1:-python3}"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
if ! "$python" -m venv "$folder/venv" > "$folder/venv.txt" 2>&1; then
    # Debian has it in a package of its own.
    if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
        { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3 python3-venv; } > /dev/null 2>&1 || true
    fi
    if ! "$python" -m venv "$folder/venv" > "$folder/venv.txt" 2>&1; then
        echo "skipped: $python makes no virtual environment ($(tail -1 "$folder/venv.txt"))"
        exit 0
    fi
fi
pip=("$folder/venv/bin/pip" --quiet --disable-pip-version-check)
if ! "${pip[@]}" install 'maturin>=1.15,<2' 2> "$folder/pip.txt"; then
    echo "skipped: PyPI cannot be reached ($(tail -1 "$folder/pip.txt"))"
    exit 0
fi
"$folder/venv/bin/maturin" build --quiet --locked --profile "${PROFILE:-dev}" --manifest-path python/Cargo.toml \
    --interpreter "$folder/venv/bin/python" --out "$folder/wheels"
wheel="$(echo "$folder"/wheels/*.whl)"
echo "$(basename "$wheel"): $(($(stat --format %s "$wheel") / 1048576)) MB"

# In an environment of its own, without what built the wheel.
"$python" -m venv "$folder/fresh"
pip=("$folder/fresh/bin/pip" --quiet --disable-pip-version-check)
"${pip[@]}" install --no-index "$wheel"
tests() {
    (cd "$folder" && fresh/bin/python -m unittest discover --start-directory "$OLDPWD/python/tests" --quiet)
}
echo "== with nothing else installed"
tests
echo "== with numpy, pyarrow and pandas"
"${pip[@]}" install numpy pyarrow pandas
tests
(cd "$folder" && fresh/bin/python "$OLDPWD/python/examples/our_search_in_your_loop.py")
echo "== with optuna"
"${pip[@]}" install optuna
(cd "$folder" && fresh/bin/python "$OLDPWD/python/examples/optuna_search.py")
echo "== with SMAC"
if "${pip[@]}" install smac 2> "$folder/pip.txt"; then
    (cd "$folder" && fresh/bin/python "$OLDPWD/python/examples/smac_search.py")
else
    echo "skipped: SMAC cannot be installed here ($(tail -1 "$folder/pip.txt"))"
fi
