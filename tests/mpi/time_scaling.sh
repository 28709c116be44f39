#!/bin/sh
# SPDX-License-Identifier: MIT
# Two processes of one thread against one process of two threads, in turns on one machine of two cores: images a second,
# medians over ROUNDS and their range, the ratio of the medians, and whether both wrote the same.
#
#   time_scaling.sh MPIRUN MPI_RUN RESNET ROUNDS NETWORK
#
# Batches of 32 in 8 slices; the second of two epochs of three steps counts.
set -u
mpirun=$1 mpi_run=$2 resnet=$3 rounds=$4 network=$5
scratch=$(mktemp -d) || exit 1
. "$(dirname "$0")/processes.sh"
unset OMP_WAIT_POLICY # there is a core for each thread
trap 'rm -rf "$scratch"' EXIT
trap 'exit 2' INT TERM

train() # OUT THREADS LAUNCHER...
{
    out=$scratch/$1 threads=$2
    shift 2
    rm -rf "$out"
    "$@" "$resnet" train "$scratch/photos" --arch "$network" --from-scratch --epochs 2 --batch 32 --slices 8 \
        --threads "$threads" --out "$out" >"$scratch/log" 2>&1 || { tail -n 5 "$scratch/log" >&2; exit 2; }
    tail -n 1 "$out/times.jsonl" >>"$out.jsonl"
}

mkdir "$scratch/photos"
"$mpi_run" photos "$scratch/photos" 32 || exit 1
for _ in $(seq "$rounds"); do
    train one 2 env
    train two 1 "$mpirun" -n 2 --bind-to none
done
same=equal
same_run "$scratch/one" "$scratch/two" >/dev/null || same=different
python3 - "$scratch/one.jsonl" "$scratch/two.jsonl" "$network" $same <<'TABLE'
import json, statistics, sys
one, two = ([json.loads(line)["images_per_second"] for line in open(path)] for path in sys.argv[1:3])
ratio = statistics.median(two) / statistics.median(one)
shown = " | ".join(f"{statistics.median(of):.2f} ({min(of):.2f}-{max(of):.2f})" for of in (one, two))
print(f"| {sys.argv[3]} | {shown} | {ratio:.2f} | {sys.argv[4]} |")
TABLE
