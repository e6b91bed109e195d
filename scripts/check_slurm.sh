#!/bin/bash
# Records a small benchmark on a real Slurm: Debian's slurmctld, slurmd and munge on this machine, with two emulated nodes and
# without systemd. In the middle one node is killed with -9 and one task is requeued. At the end every row must be there
# once, compacted by the dependent job, and be that of a recording which was left alone.
#
#   scripts/check_slurm.sh
#
# NASBENCH names the program, else a release build is made. Says that it was skipped where Slurm is not there and cannot be
# installed (that takes root and Debian's packages).
set -euo pipefail
cd "$(dirname "$0")/.."

skip() { echo "skipped: $1"; exit 0; }
[ "$(uname -s)" = Linux ] || skip "emulated nodes need Linux"
[ "$(id -u)" = 0 ] || skip "emulated nodes need root"
if ! command -v slurmctld slurmd sbatch munged > /dev/null; then
    command -v apt-get > /dev/null || skip "Slurm is not installed, and there is no apt-get"
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends slurmctld slurmd slurm-client munge; } \
        > /dev/null 2>&1 || skip "Slurm could not be installed"
fi
unshare --pid --fork --mount-proc true 2> /dev/null || skip "this machine gives no namespaces of processes"
NASBENCH="$(scripts/program.sh "${NASBENCH:-}")"
export NASBENCH
protocol=$(realpath tests/tiny.toml)

folder=$(mktemp -d)
export SLURM_CONF=$folder/slurm.conf
host=$(hostname -s)
processes=()
finish() {
    for process in "${processes[@]}"; do kill -9 "$process" 2> /dev/null || true; done
    [ -n "${munged:-}" ] && kill "$munged" 2> /dev/null || true
    rm -rf "$folder"
}
trap finish EXIT
fail() {
    echo "failed: $1"
    squeue || true
    tail -n 5 "$folder"/*.log "$folder"/bench.slurm/*.log 2> /dev/null || true
    exit 1
}

mkdir -p "$folder"/state "$folder"/spool/n1 "$folder"/spool/n2
cat > "$SLURM_CONF" << EOF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=cred_expire=5
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
ReturnToService=2
JobRequeue=1
SlurmdTimeout=15
SchedulerParameters=batch_sched_delay=0,sched_interval=2,sched_min_interval=0,bf_interval=2
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool/%n
SlurmdPidFile=$folder/slurmd-%n.pid
SlurmdLogFile=$folder/slurmd-%n.log
SlurmctldPidFile=$folder/slurmctld.pid
SlurmctldLogFile=$folder/slurmctld.log
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=17001 CPUs=4 RealMemory=4000
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=17002 CPUs=4 RealMemory=4000
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
EOF
echo "CgroupPlugin=cgroup/v1" > "$folder/cgroup.conf"
if ! pgrep -x munged > /dev/null; then
    [ -e /etc/munge/munge.key ] || mungekey --create
    mkdir -p /run/munge && chown munge: /run/munge
    runuser -u munge -- munged --foreground > "$folder/munged.log" 2>&1 &
    munged=$!
fi
slurmctld -D > "$folder/slurmctld.out" 2>&1 &
processes+=($!)
node() { unshare --pid --fork --mount-proc --kill-child slurmd -D -N "$1" > "$folder/$1.out" 2>&1 & }
node n1
first_node=$!
node n2
processes+=("$first_node" $!)

# Waits until a command succeeds; $1 is for how many seconds, $2 what is waited for.
await() {
    local seconds=$1 what=$2
    shift 2
    for _ in $(seq "$seconds"); do
        if "$@"; then return; fi
        sleep 1
    done
    fail "$what did not happen within $seconds s"
}
nodes_are_up() { [ "$(sinfo -h -N -o %T 2> /dev/null | grep -c idle)" = 2 ]; }
# A machine on which Slurm itself does not start says nothing about this program.
for _ in $(seq 60); do
    nodes_are_up && break
    sleep 1
done
nodes_are_up || { tail -n 3 "$folder"/*.log "$folder"/*.out; skip "Slurm was installed, but its two nodes did not start here"; }

cells=(--space nas-bench-101 --max-vertices 4)
models=(--epochs 20,40 --repeats 3)
record() { "$NASBENCH" "$@" "${cells[@]}" "${models[@]}" --protocol "$protocol"; }
record cluster slurm "$folder/bench" --shards 16 --submit
tasks_run() { [ "$(squeue -h -t R -o %N | sort | uniq -c | awk '$1 >= 2' | wc -l)" = 2 ] && ls "$folder"/bench/journals/*.journal > /dev/null 2>&1; }
await 60 "the start of tasks on both nodes" tasks_run
sleep 3
running=$(squeue -h -t R -o "%F_%K %N" | awk '$2 == "n2" { print $1; exit }')
scontrol requeue "$running"
kill -9 "$first_node"
echo "killed node n1 with the tasks $(squeue -h -t R -o "%K %N" | awk '$2 == "n1" { printf "%s ", $1 }')and requeued task $running"
# The emulated machine comes back, as one would that was switched on again.
sleep 5
node n1
processes+=($!)
is_over() { [ -z "$(squeue -h)" ]; }
await 900 "the end of all jobs" is_over

[ -e "$folder/bench/records.parquet" ] || fail "the dependent job did not compact the benchmark"
"$NASBENCH" check "$folder/bench" "${cells[@]}" "${models[@]}" --quiet || fail "a row is missing, double or damaged"
record record "$folder/alone" --quiet > /dev/null
for bench in bench alone; do
    scripts/results.sh "$folder/$bench" > "$folder/$bench.csv"
done
cmp "$folder/bench.csv" "$folder/alone.csv" || fail "the rows differ from those of a recording that was left alone"
echo "$(($(wc -l < "$folder/bench.csv") - 1)) rows, each there once, as in a recording that was left alone"
