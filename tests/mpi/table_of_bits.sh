#!/bin/sh
# SPDX-License-Identifier: MIT
# A table of networks and process counts: what 1, 2, 4 and 8 processes write, and what 8 write who go on where 2 were
# killed, in a frozen epoch and a whole one. A row a network, with the beginnings of the SHA-256 sums of one process's
# best.safetensors, last.safetensors and history.jsonl; "=" where all three are the same, "differ" where not. The status
# is 1 if any differ.
#
#   table_of_bits.sh MPIRUN RESNET PHOTOS NETWORK...
#
# `mpi_run photos DIRECTORY` makes photos for it, 21 and 12: a batch of 16, and one of 5 that leaves slices empty. Each
# process has one thread. OPTIONS are added to those of the runs, such as "--optimizer sgd" where memory is short.
set -u
mpirun=$1 resnet=$2 photos=$3
shift 3
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 2' INT TERM
. "$(dirname "$0")/processes.sh"
answer=0

fail()
{
    tail -n 5 "$scratch/log" >&2
    echo "$network: $1" >&2
    exit 2
}

train() # PROCESSES OUT OPTION...
{
    processes=$1 out=$scratch/$2
    shift 2
    # shellcheck disable=SC2086
    "$mpirun" -n "$processes" "$resnet" train "$photos" --arch "$network" --batch 16 --threads 1 --out "$out" \
        ${OPTIONS:-} "$@" >"$scratch/log" 2>&1
}

whole() # PROCESSES OUT [--resume]
{
    processes=$1 out=$2
    shift 2
    train "$processes" "$out" --weights "$scratch/weights/last.safetensors" --new-head --frozen-epochs 1 --epochs 1 "$@"
}

sums() # OUT
{
    (cd "$scratch/$1" && sha256sum best.safetensors last.safetensors history.jsonl)
}

cell() # OUT
{
    if [ "$(sums "$1")" = "$(sums 1)" ]; then
        echo "="
    else
        echo differ
    fi
}

# Two processes, one of them killed when the first epoch is on the disk.
begin_and_kill()
{
    whole 2 killed &
    launcher=$!
    until [ -f "$scratch/killed/last.safetensors" ]; do
        kill -0 $launcher 2>/dev/null || fail "two processes ended before they were killed"
        sleep 0.05
    done
    kill -KILL "$(last_below $launcher)"
    wait $launcher && fail "two processes did not end when one was killed"
    [ "$(cell killed 2>/dev/null)" = differ ] || fail "the kill came too late"
}

row()
{
    rm -rf "$scratch/weights" "$scratch/killed"
    train 1 weights --from-scratch --epochs 1 || fail "weights to begin with"
    for count in 1 2 4 8; do
        rm -rf "${scratch:?}/$count"
        whole $count $count || fail "$count processes"
    done
    begin_and_kill
    whole 8 killed --resume || fail "8 processes do not go on"
    line="| $network | $(sums 1 | cut -c 1-8 | paste -s -d ' ')"
    for out in 2 4 8 killed; do
        cell=$(cell $out)
        [ "$cell" = "=" ] || answer=1
        line="$line | $cell"
    done
    echo "$line |"
}

echo "| network | SHA-256 of best, last, history | 2 | 4 | 8 | 2 killed, 8 go on |"
echo "|---|---|---|---|---|---|"
for network in "$@"; do
    row
done
exit $answer
