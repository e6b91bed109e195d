#!/usr/bin/env bash
# Prints a Python that has some packages of PyPI, in an environment that is made and filled where it is not there yet.
#
#   scripts/python.sh FOLDER PACKAGE...
set -euo pipefail
folder="$1"
shift
if [ ! -x "$folder/bin/python" ]; then
    python3 -m venv "$folder"
fi
if ! "$folder/bin/pip" show --quiet "$@" 2>/dev/null; then
    "$folder/bin/pip" install --quiet --disable-pip-version-check "$@" >&2
fi
echo "$folder/bin/python"
