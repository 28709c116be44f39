#!/bin/sh
# SPDX-License-Identifier: MIT
# Processes under mpirun: one, two and four write the same bytes; one that is killed ends all, and the run is resumed by
# another number of them. check_mpi.sh MPIRUN MPI_RUN
set -u
mpirun=$1 program=$2
. "$(dirname "$0")/../support/verdict.sh"
. "$(dirname "$0")/processes.sh"
unset RESNET_TEST_DATA

run() # PROCESSES OUT [killed]
{
    timeout 120 "$mpirun" -n "$1" "$program" train "$scratch/photos" "$scratch/$2" ${3:+"$3"} >"$scratch/log" 2>&1
}

same() # OUT
{
    same_run "$scratch/1" "$scratch/$1"
}

mkdir "$scratch/photos"
"$program" photos "$scratch/photos" || exit 1
run 1 1; verdict "one process trains" $?
for processes in 2 4; do
    run $processes $processes && same $processes; verdict "$processes processes write what one writes" $?
done
! run 2 killed killed; verdict "a process that is killed ends both" $?
[ -f "$scratch/killed/last.safetensors" ] && ! same killed >/dev/null 2>&1; verdict "in the middle of the run" $?
run 4 killed && same killed; verdict "four go on to the same bytes" $?
! run 16 many && grep -q "16 processes for 8 slices" "$scratch/log"; verdict "more processes than slices are told so" $?

conclude
