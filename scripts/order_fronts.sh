#!/usr/bin/env bash
# Orders the searches by the fronts of error and parameters that they find, on the benchmark that is part of the program and on a forest
# fitted on it, after 300 and after 1,000 trainings.
#
#   scripts/order_fronts.sh [RUNS [FOLDER]]
#
# Without arguments there are 100 runs of each on the table, and 30 on the forest. Prints a table in Markdown: the part of the exact front's
# hypervolume that is lacking, in percent. The comparisons with their reports are left in FOLDER, where there is one, and go on there
# if they were stopped. The program is built first, unless NASBENCH names it.
set -euo pipefail
cd "$(dirname "$0")/.."
runs="${1:-100}"
folder="${2:-}"
if [ -z "$folder" ]; then
    folder="$(mktemp -d)"
    trap 'rm -rf "$folder"' EXIT
fi
nasbench="$(scripts/program.sh "${NASBENCH:-}")"

searches=random,random:replacement=false,largest-first,regularized-evolution,smac,pareto-local-search,nsga-2,nsga-3,moea-d,ibea,pesa-2
searches+=,moga,mopso,ant-colony,bee-colony,weighted-sum,epsilon-constraint,lexicographic,surrogate-led
compare() {
    "$nasbench" compare --objectives error,parameters --algorithms "$searches" --budget 300evals,1000evals --quiet "$@" > /dev/null
}
mkdir -p "$folder"
bundled="$(sed -n 's/^pub const SHIPPED: &str = "\(.*\)";$/\1/p' src/table/shipped.rs)"
compare --runs "$runs" --out "$folder/table"
[ -e "$folder/forest.json" ] || "$nasbench" fit "$bundled" --model random-forest --out "$folder/forest.json" --quiet > /dev/null
compare --on "$folder/forest.json" --max-vertices 5 --runs 30 --out "$folder/model"

python3 - "$folder" <<'PYTHON'
import json, sys

def tasks(name):
    with open(f"{sys.argv[1]}/{name}/comparison.json") as file:
        comparison = json.load(file)
    smaller = [other["summary"] for other in comparison["other_budgets"]]
    return [summary["tasks"][0] for summary in [*smaller, comparison["summary"]]]

def interval(estimate):
    return "{value:.2f} [{low:.2f}, {high:.2f}]".format(**{key: 100 * estimate[key] for key in estimate})

columns = tasks("table") + tasks("model")
for budget, task in zip([300, 1000], columns):
    print(f"After {budget} trainings on the table the floor is {interval(task['floor'])}; the front has {len(task['front']['front'])} cells.")
print()
print("| | table, 300 | table, 1,000 | model, 300 | model, 1,000 |")
print("|---|---|---|---|---|")
for place, algorithm in enumerate(columns[0]["algorithms"]):
    cells = [interval(task["algorithms"][place]["interquartile_mean"]) for task in columns]
    print("|", " | ".join([algorithm["name"], *cells]), "|")
PYTHON
