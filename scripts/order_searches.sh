#!/usr/bin/env bash
# Orders the search algorithms on the benchmark that is part of the program: after 300 and after 900 simulated seconds, and the two
# evolutions with populations that live often.
#
#   scripts/order_searches.sh [RUNS [FOLDER]]
#
# Without arguments there are 500 runs of each, some 15 minutes on 2 cores. Prints tables in Markdown; the comparisons with their
# reports are left in FOLDER, where there is one, and go on there if they were stopped. The program is built first, unless NASBENCH
# names it.
set -euo pipefail
cd "$(dirname "$0")/.."
runs="${1:-500}"
folder="${2:-}"
if [ -z "$folder" ]; then
    folder="$(mktemp -d)"
    trap 'rm -rf "$folder"' EXIT
fi
if [ -z "${NASBENCH:-}" ]; then
    cargo build --release --locked --quiet --bin nasbench
fi
nasbench="${NASBENCH:-${CARGO_TARGET_DIR:-target}/release/nasbench}"

compare() {
    "$nasbench" compare --runs "$runs" --out "$folder/$1" --budget "$2" --algorithms "$3" --quiet > /dev/null
}

all=random,non-regularized-evolution,regularized-evolution,genetic,local-search,reinforce,successive-halving,hyperband
all+=,tpe,tpe:encoding=continuous,smac,pnas,screened-evolution,bohb
evolutions=random
for setting in 10:3 10:5 20:3 20:5 20:10 50:5 50:10; do
    options="population_size=${setting%:*}:tournament_size=${setting#*:}"
    evolutions+=",non-regularized-evolution:$options,regularized-evolution:$options"
done
# The perceptrons of BANANAS would take an hour for 900 s.
compare short 300s "$all,bananas"
compare long 900s "$all"
compare evolutions 900s "$evolutions"

python3 - "$folder" <<'PYTHON'
import json, sys

class Comparison:
    def __init__(self, name):
        with open(f"{sys.argv[1]}/{name}/comparison.json") as file:
            task = json.load(file)["summary"]["tasks"][0]
        self.places = {one["name"]: place for place, one in enumerate(task["algorithms"])}
        self.means = {one["name"]: one["interquartile_mean"] for one in task["algorithms"]}
        self.pairs = {(pair["first"], pair["second"]): pair for pair in task["pairs"]}

    def regret(self, name):
        mean = self.means.get(name)
        return "" if mean is None else "{value:.2f} [{low:.2f}, {high:.2f}]".format(**{key: 100 * mean[key] for key in mean})

    def better(self, name, other):
        """How often a run of the one ends better than one of the other, which stands before it."""
        pair = self.pairs.get((self.places.get(other), self.places.get(name)))
        if pair is None:
            return ""
        return f"{100 - 100 * pair['probability']['value']:.0f} %" + ("*" if pair["corrected_p_value"] < 0.05 else "")

short, long, evolutions = map(Comparison, ["short", "long", "evolutions"])
print("| algorithm | regret after 300 s | better than random | regret after 900 s | better than random |")
print("|---|---|---|---|---|")
for name in sorted(short.means, key=lambda name: -short.means[name]["value"]):
    cells = [cell for one in (short, long) for cell in (one.regret(name), one.better(name, "random"))]
    print("|", " | ".join([name, *cells]), "|")
print()
print("| population, tournament | non-regularized | better than random | regularized | better than non-regularized |")
print("|---|---|---|---|---|")
for regularized in list(evolutions.means)[2::2]:
    other = "non-" + regularized
    setting = ", ".join(part.split("=")[1] for part in regularized.split("(")[1].rstrip(")").split(", "))
    cells = [evolutions.regret(other), evolutions.better(other, "random"), evolutions.regret(regularized)]
    print("|", " | ".join([setting, *cells, evolutions.better(regularized, other)]), "|")
PYTHON
