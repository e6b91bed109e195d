#!/usr/bin/env bash
# Studies protocols before thousands of cells are recorded with one: a share of the cells of at most five vertices, three trainings
# each, and what `nasbench analyse landscape` says of them. Stopped, it goes on where it was.
#
#   scripts/study_protocols.sh FOLDER SHARD NAME...     as in `scripts/study_protocols.sh study 0/12 clutter-12`: 211 cells
#
# A name is a data set, its epochs and, after them, what differs: `flops=N` operations of every cell's network (350000), `padding=N` pixels
# by which training images are moved (2), `rate=R`, the first learning rate (0.05), `cells=N` in each stack (1). `fixed=N` gives every cell
# a stem of so many channels instead of equal operations, as in `clutter-12-flops=250000-padding=0` or `14-18-fixed=4-padding=0`.
set -euo pipefail
[ $# -ge 3 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
nasbench="$("$(dirname "$0")/program.sh" "${NASBENCH:-}")"
folder="$1" shard="$2"
shift 2
mkdir -p "$folder"

# The protocol of a name, as TOML.
protocol() {
    local flops=350000 padding=2 rate=0.05 cells=1 fixed= stem=1 part epochs
    IFS=- read -r _ epochs parts <<< "$1"
    for part in ${parts//-/ }; do
        case "$part" in
            flops=* | padding=* | rate=* | cells=* | fixed=*) local "${part?}" ;;
            *) echo "\`$part\` of \`$1\` is unknown, expected flops, padding, rate, cells or fixed" >&2; return 1 ;;
        esac
    done
    local equal=", equal_flops = $flops"
    [ -z "$fixed" ] || { stem="$fixed" equal=""; }
    cat << TOML
name = "$1"
budgets = [$epochs]
repeats = 3
batch_size = 64
network = { stem_channels = $stem, stacks = 3, cells_per_stack = $cells$equal }
images = { train = 6000, validation = $images, test = $images, train_accuracy = 500, curve = 512 }
learning_rate = { peak = $rate, idle_first_step = false }
augmentation = { padding = $padding, flip = $([ "$padding" = 0 ] && echo false || echo true) }
[update]
weight_decay = 1e-3
batch_norm_momentum = 0.98
batch_norm_epsilon = 1e-5
optimizer = { kind = "nesterov", momentum = 0.9 }
TOML
}

for name in "$@"; do
    dataset="fashion-${name%%-*}"
    images=10000
    [ "$dataset" != fashion-14 ] || images=4000
    protocol "$name" > "$folder/$name.toml"
    "$nasbench" record "$folder/$name" --max-vertices 5 --dataset "$dataset" --protocol "$folder/$name.toml" --shard "$shard" --order hash
    echo "== $name"
    "$nasbench" analyse landscape "$folder/$name"
done
