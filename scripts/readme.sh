#!/usr/bin/env bash
# Renews what README.md says of `nasbench run`, and its two pictures: runs the program, takes the sentences from what it prints, and the
# plots from its pages.
#
#   scripts/readme.sh [PROGRAM]
#
# RUN and COMPARISON name folders of a run and of a comparison that are there already. Needs python3.
set -euo pipefail
cd "$(dirname "$0")/.."
nasbench="$(scripts/program.sh "${1:-}")"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
run="${RUN:-$folder/run}"
comparison="${COMPARISON:-$folder/comparison}"
# On a run that is there it trains nothing, and prints the same.
"$nasbench" run --out "$run" > "$folder/run.txt"
if [ ! -e "$comparison/report.html" ]; then
    "$nasbench" compare --on nb101-5v-clutter --algorithms random,largest-first,local-search,regularized-evolution,smac \
        --runs 200 --budget 200evals --out "$comparison" > /dev/null
fi
mkdir -p data/pictures
python3 - "$folder/run.txt" "$run/report.html" "$comparison/report.html" <<'PYTHON'
import html
import re
import sys
from pathlib import Path

printed, run, comparison = (Path(name).read_text() for name in sys.argv[1:])

readme = Path("README.md")
found = printed[printed.index(" cells were trained for real") :].split("\n\nreport:")[0]
found = printed[: printed.index(" cells were trained for real")].splitlines()[-1] + found
begin, end = "<!-- begin: what `nasbench run` found -->\n", "<!-- end -->"
before, rest = readme.read_text().split(begin)
readme.write_text(f"{before}{begin}```text\n{found}\n```\n{end}{rest.split(end, 1)[1]}")


def picture(page: str, title: str) -> str:
    """The plot of a page with this title, with its legend below, as a picture of its own."""
    figure = next(figure for figure in re.findall(r"<figure>.*?</figure>", page, re.S) if f"<strong>{title}</strong>" in figure)
    plot = re.search(r'<svg class="plot".*?</svg>', figure, re.S)[0]
    marks = re.findall(r"<li>(<svg.*?</svg>)(.*?)</li>", figure, re.S)
    height = 760 + 44 * len(marks) + 22
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1040 {height}" font-family="sans-serif" font-size="27" fill="#1F2933">']
    lines += [f'<rect width="1040" height="{height}" fill="#FFFFFF"/>', plot.replace("<svg ", '<svg width="1040" height="760" ', 1)]
    for place, (swatch, name) in enumerate(marks):
        y = 760 + 44 * place
        lines.append(swatch.replace("<svg ", f'<svg x="110" y="{y}" width="64" height="32" ', 1))
        lines.append(f'<text x="196" y="{y + 25}">{html.escape(html.unescape(name), quote=False)}</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


Path("data/pictures/run.svg").write_text(picture(run, "Accuracy against size"))
Path("data/pictures/compare.svg").write_text(picture(comparison, "Regret against evaluations"))
PYTHON
