#!/usr/bin/env bash
# Orders the search algorithms on the benchmark that is part of the program: after 50 and after 250 full trainings, a tenth of the space,
# each with the official sampler of random cells and with the uniform one, the two evolutions with populations that live often, the
# searches that learn from whole generations, and four searches by each rule of which cell is returned. The regret counts over repeats
# that no search is shown; the baselines are random search and the largest cells first.
#
#   scripts/order_searches.sh [RUNS [FOLDER]]
#
# Without arguments there are 500 runs of each, some 50 minutes on 2 cores. Prints tables in Markdown; the comparisons with their
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
nasbench="$(scripts/program.sh "${NASBENCH:-}")"

compare() {
    "$nasbench" compare --runs "$runs" --out "$folder/$1" --budget "$2" --algorithms "$3" --quiet "${@:4}" > /dev/null
}

all=random,random:replacement=false,largest-first,largest-first:by=parameters,non-regularized-evolution,regularized-evolution,genetic,local-search,reinforce,successive-halving,hyperband
all+=,tpe,tpe:encoding=continuous,smac,pnas,screened-evolution,bohb
uniform=
for name in random non-regularized-evolution regularized-evolution genetic local-search successive-halving hyperband tpe smac \
    screened-evolution bohb; do
    uniform+=",$name:sampler=uniform"
done
evolutions=random
for setting in 10:3 10:5 20:3 20:5 20:10 50:5 50:10; do
    options="population_size=${setting%:*}:tournament_size=${setting#*:}"
    evolutions+=",non-regularized-evolution:$options,regularized-evolution:$options"
done
# The perceptrons of BANANAS would take hours for 250.
compare short 50evals "$all,bananas$uniform,bananas:sampler=uniform"
compare long 250evals "$all$uniform"
compare evolutions 250evals "$evolutions"
generations=random,differential-evolution,cma-es,nes,coevolution,reinforce,controller,controller:method=ppo
compare generations-short 50evals "$generations"
compare generations-long 250evals "$generations"
for rule in top-k-mean posterior; do
    compare "$rule" 250evals random:sampler=uniform,regularized-evolution:sampler=uniform,local-search:sampler=uniform,smac:sampler=uniform \
        --returns "$rule"
done

python3 - "$folder" <<'PYTHON'
import json, sys

class Comparison:
    def __init__(self, name):
        with open(f"{sys.argv[1]}/{name}/comparison.json") as file:
            task = json.load(file)["summary"]["tasks"][0]
        self.places = {one["name"]: place for place, one in enumerate(task["algorithms"])}
        self.means = {one["name"]: one["interquartile_mean"] for one in task["algorithms"]}
        self.pairs = {(pair["first"], pair["second"]): pair for pair in task["pairs"]}
        self.floor = task["floor"]

    def regret(self, name):
        mean = self.means.get(name)
        return "" if mean is None else "{value:.2f} [{low:.2f}, {high:.2f}]".format(**{key: 100 * mean[key] for key in mean})

    def better(self, name, other):
        """How often a run of the one ends better than one of the other, * where the difference is significant at 5 %."""
        one, two = self.places.get(name), self.places.get(other)
        if one is None or name == other:
            return ""
        pair = self.pairs.get((one, two)) or self.pairs[(two, one)]
        share = pair["probability"]["value"]
        return f"{100 * (share if pair['first'] == one else 1 - share):.0f} %" + ("*" if pair["corrected_p_value"] < 0.05 else "")

    def print(self, budget):
        print("The floor is {value:.2f} [{low:.2f}, {high:.2f}].".format(**{key: 100 * self.floor[key] for key in self.floor}))
        print()
        print(f"| after {budget} trainings | official sampler | better than random | uniform sampler | better than random |")
        print("|---|---|---|---|---|")
        for name in sorted((name for name in self.means if "uniform" not in name), key=lambda name: -self.means[name]["value"]):
            uniform = f"{name} (sampler=uniform)"
            # Without a sampler there is one result, which stands beside both random searches.
            other = uniform if uniform in self.means else name
            cells = [self.regret(name), self.better(name, "random"), self.regret(uniform)]
            print("|", " | ".join([name, *cells, self.better(other, "random (sampler=uniform)")]), "|")
        print()

short, long, evolutions, top_k_mean, posterior = map(Comparison, ["short", "long", "evolutions", "top-k-mean", "posterior"])
short.print(50)
long.print(250)
Comparison("generations-short").print(50)
Comparison("generations-long").print(250)
print("| population, tournament | non-regularized | better than random | regularized | better than non-regularized |")
print("|---|---|---|---|---|")
for regularized in list(evolutions.means)[2::2]:
    other = "non-" + regularized
    setting = ", ".join(part.split("=")[1] for part in regularized.split("(")[1].rstrip(")").split(", "))
    cells = [evolutions.regret(other), evolutions.better(other, "random"), evolutions.regret(regularized)]
    print("|", " | ".join([setting, *cells, evolutions.better(regularized, other)]), "|")
print()
print("| after 250 trainings, uniform sampler | best seen | top-k mean | posterior of a forest |")
print("|---|---|---|---|")
for name in top_k_mean.means:
    print("|", " | ".join([name.split(" (")[0], *(one.regret(name) for one in [long, top_k_mean, posterior])]), "|")
PYTHON
