#!/bin/sh
# SPDX-License-Identifier: MIT
# Two hosts (two_hosts.sh): the bytes are those of one process, also over a link that is slow or late, and a link that
# is cut ends both; the run is then resumed. MPICH does not notice a cut. check_two_hosts.sh MPIRUN MPI_RUN
set -u
mpirun=$1 program=$2
here=$(dirname "$0")
. "$here/../support/verdict.sh"
. "$here/two_hosts.sh"
device=rn1

end()
{
    conclude
    exit
}

make_hosts >"$scratch/log" 2>&1 || { skip "two hosts: no network namespaces here"; end; }

run() # OUT [slowly]
{
    on_two "$mpirun" $device "$program" train "$scratch/photos" "$scratch/$1" ${2:+"$2"} >"$scratch/log" 2>&1
}

same() # OUT
{
    same_run "$scratch/one" "$scratch/$1"
}

cut_link() # OUT: while it trains
{
    is_open_mpi "$mpirun" || { skip "a link that is cut: mpirun is not Open MPI's"; return; }
    rm -f "$scratch/ended"
    (until [ -f "$scratch/$1/last.safetensors" ] || [ -f "$scratch/ended" ]; do sleep 0.1; done
        sleep 0.5; ip -n "$a" link set $device down) &
    run "$1" slowly
    status=$?
    [ $status -ne 0 ] && [ $status -ne 137 ] && # which is: they had to be killed
        grep -qE "lost communication|has lost process" "$scratch/log"
    verdict "a link that is cut ends both, with a sentence" $?
    touch "$scratch/ended"
    wait $!
    [ -f "$scratch/$1/last.safetensors" ] && ! same "$1" >/dev/null 2>&1; verdict "in the middle of the run" $?
    ip -n "$a" link set $device up
    run "$1" && same "$1"; verdict "which goes on to the same bytes" $?
}

mkdir "$scratch/photos"
"$program" photos "$scratch/photos" || exit 1
"$mpirun" -n 1 "$program" train "$scratch/photos" "$scratch/one" >"$scratch/log" 2>&1; verdict "one process trains" $?
run two && same two; verdict "two hosts write what one process writes" $?
if shape tbf rate 20mbit burst 16kb latency 50ms; then
    run narrow && same narrow; verdict "so they do at 20 Mbit/s" $?
else
    skip "a slow link: no tc tbf in this kernel"
fi
unshape
cut_link cut
device=rn2
for late in "5 1000" "20 100"; do
    # shellcheck disable=SC2086
    if make_late $late >>"$scratch/log" 2>&1; then
        run "late$late" && same "late$late"; verdict "with ${late% *} ms on the way, at ${late#* } Mbit/s" $?
    else
        skip "a late link: no python3 or no TAP devices here"
    fi
done
[ -z "$relay" ] || cut_link cut_late
end
