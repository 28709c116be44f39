#!/bin/sh
# SPDX-License-Identifier: MIT
# How long a step takes of two processes, each on a host of its own (two_hosts.sh), for how much of it gradients travel
# and how much of that is hidden; and what the model of docs/many-machines.md says where nothing is.
#
#   time_two_hosts.sh MPIRUN MPI_RUN LINK ROUNDS NETWORK RESNET...
#
# LINK is "MBIT", or "MILLISECONDS MBIT" for one that is late. Programs, of several commits, take turns. Batches of 16
# in 2 slices, one thread a process; the second of two epochs of three steps counts. In each round both hosts also
# compute their halves alone, at the same time. TRIPS is the model's r (8, Open MPI's). A row a program: medians over
# ROUNDS, the range of the step, seconds.
set -u
mpirun=$1 mpi_run=$2 link=$3 rounds=$4 network=$5
shift 5
here=$(dirname "$0")
scratch=$(mktemp -d) || exit 1
. "$here/two_hosts.sh"
limit=300 device=rn1

fail()
{
    tail -n 5 "$scratch/log" >&2
    echo "$network, $link: $1" >&2
    exit 2
}

join_hosts() # LINK
{
    make_hosts >"$scratch/log" 2>&1 || fail "no network namespaces here"
    if [ $# -eq 1 ]; then
        shape tbf rate "$1mbit" burst 256kb latency 50ms || fail "no tc tbf in this kernel"
    else
        device=rn2
        make_late "$1" "$2" >"$scratch/log" 2>&1 || fail "no python3 or no TAP devices here"
    fi
}

# Seconds of a step, and those in which gradients travelled and were waited for, as they were in the last epoch.
note() # WHAT STEPS OUT
{
    python3 - "$@" >>"$scratch/figures" <<'NOTE'
import json, sys
what, steps, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
last = json.loads(open(out + "/times.jsonl").readlines()[-1])
seconds = (48 / last["images_per_second"], last.get("exchange_seconds", 0), last.get("exchange_waited", 0))
print(what, *(of / steps for of in seconds))
NOTE
}

alone() # RESNET: both hosts at once
{
    ip netns exec "$a" "$@" --batch 8 --out "$scratch/a" >"$scratch/log" 2>&1 &
    ip netns exec "$b" "$@" --batch 8 --out "$scratch/b" >/dev/null 2>&1 || fail "one process"
    wait $! || fail "one process"
    note alone 6 "$scratch/a"
    note alone 6 "$scratch/b"
    rm -r "$scratch/a" "$scratch/b"
}

together()
{
    on_two "$mpirun" $device "$@" --batch 16 --slices 2 --out "$scratch/run" >"$scratch/log" 2>&1 ||
        fail "two processes"
    note "$1" 3 "$scratch/run"
    rm -r "$scratch/run"
}

# shellcheck disable=SC2086
join_hosts $link
mkdir "$scratch/photos"
"$mpi_run" photos "$scratch/photos" 16 || exit 1
for _ in $(seq "$rounds"); do
    for resnet in "$@"; do
        together "$resnet" train "$scratch/photos" --arch "$network" --from-scratch --epochs 2 --threads 1
    done
    alone "$resnet" train "$scratch/photos" --arch "$network" --from-scratch --epochs 2 --threads 1
done
parameters=$(sed -n 's/.*everything (\([0-9]*\) parameters.*/\1/p' "$scratch/log")
python3 - "$scratch/figures" "$network" "$parameters" "$link" "${TRIPS:-8}" <<'TABLE'
import math, statistics, sys
figures, network, parameters, link, trips = sys.argv[1:]
runs = {}
for line in open(figures):
    what, *numbers = line.split()
    runs.setdefault(what, []).append([float(n) for n in numbers])
*late, mbit = [float(n) for n in link.split()]
latency = late[0] / 1e3 if late else 0
gradients = 4 * int(parameters)
compute = statistics.median(run[0] for run in runs.pop("alone"))
travel = gradients / (mbit * 1e6 / 8) + 2 * math.ceil(gradients / 2**21) * int(trips) * latency
for program, of in runs.items():
    step, exchange, waited = (statistics.median(column) for column in zip(*of))
    bare, says = step + exchange - waited, compute + travel
    print(f"| {network} | {link} | {program} | {step:.2f} ({min(r[0] for r in of):.2f}-{max(r[0] for r in of):.2f}) "
          f"| {exchange:.2f} | {waited:.2f} | {100 * (1 - waited / exchange):.0f} % | {bare:.2f} "
          f"| {compute:.2f} + {travel:.2f} = {says:.2f} | {100 * (says / bare - 1):+.0f} % |")
TABLE
