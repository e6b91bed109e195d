#!/usr/bin/env bash
# What a file of published NAS-Bench-101 records says: how well models order cells that they have not seen, what the landscape is, and
# how searches do on models of its four budgets, with the noise of what they leave unexplained.
#
#   scripts/real_records.sh CSV [RUNS [FOLDER]]
#
# CSV has a row for each cell: module_hash, adjacency_row_major, ops, training_time_s, and val_acc_4, _12, _36 and _108. There are
# 200 runs of each search without RUNS, some 20 minutes in all on 2 cores. The benchmark, the models, the page of the landscape and the
# comparison are left in FOLDER, where there is one. The program is built first, unless NASBENCH names it.
set -euo pipefail
csv="$(realpath "$1")"
runs="${2:-200}"
folder="${3:-}"
cd "$(dirname "$0")/.."
if [ -z "$folder" ]; then
    folder="$(mktemp -d)"
    trap 'rm -rf "$folder"' EXIT
fi
nasbench="$(scripts/program.sh "${NASBENCH:-}")"

# The times of the smaller budgets are not in the file: without any, searches pay by epochs alone.
columns=(--column adjacency=adjacency_row_major --column operations=ops)
for epochs in 4 12 36 108; do
    columns+=(--column "validation_accuracy@$epochs=val_acc_$epochs")
done
[ -d "$folder/bench" ] || "$nasbench" --quiet import "$csv" "${columns[@]}" --out "$folder/bench"

echo "# How models order cells that they have not seen"
"$nasbench" --quiet assess "$folder/bench" --model all --train-sizes 100,424,1000 --seeds 5
echo "# The landscape"
"$nasbench" --quiet analyse landscape "$folder/bench" --out "$folder/landscape.html" --force
echo "# Searches on a model"
models=(--on "$folder/108.json")
for epochs in 4 12 36 108; do
    [ -f "$folder/$epochs.json" ] || "$nasbench" --quiet fit "$folder/bench" --model gradient-boosting \
        --target "final_validation_accuracy@$epochs" --out "$folder/$epochs.json"
    [ "$epochs" = 108 ] || models+=(--cheaper-model "$folder/$epochs.json")
done
searches=random,random:sampler=uniform:replacement=false,largest-first,largest-first:by=parameters,regularized-evolution,local-search
searches+=,reinforce,tpe,smac,successive-halving,hyperband,bohb
"$nasbench" --quiet compare "${models[@]}" --noise --algorithms "$searches" --runs "$runs" --budget 100evals,300evals \
    --out "$folder/comparison"
