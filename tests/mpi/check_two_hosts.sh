#!/bin/sh
# SPDX-License-Identifier: MIT
# Two hosts, which are network namespaces with TCP between them: the bytes are those of one process, also over a link
# that is slow or late, and a link that is cut ends both; the run is then resumed. Open MPI, root and `ip netns` are
# needed; for a link that is late /dev/net/tun and python3 (relay.py). check_two_hosts.sh MPIRUN MPI_RUN
set -u
mpirun=$1 program=$2
here=$(dirname "$0")
. "$here/../support/verdict.sh"
# What MPI keeps until the end is no leak of ours.
export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1:detect_leaks=0
a=rn$$a b=rn$$b net=10.77.0 device=rn1 relay=
trap '[ -z "$relay" ] || kill $relay; ip netns del $a 2>/dev/null; ip netns del $b 2>/dev/null; rm -rf "$scratch"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1 OMP_WAIT_POLICY=passive

end()
{
    conclude
    exit
}

make_hosts()
{
    ip netns add $a && ip netns add $b &&
        ip link add rn1 netns $a type veth peer name rn1 netns $b &&
        ip -n $a addr add 10.77.0.1/24 dev rn1 && ip -n $b addr add 10.77.0.2/24 dev rn1 &&
        ip -n $a link set lo up && ip -n $b link set lo up && ip -n $a link set rn1 up && ip -n $b link set rn1 up
}

"$mpirun" --version 2>&1 | grep -qE "Open MPI|OpenRTE" || { skip "two hosts: mpirun is not Open MPI's"; end; }
make_hosts >"$scratch/log" 2>&1 || { skip "two hosts: no network namespaces here"; end; }

# What mpirun calls in the place of ssh: [options] HOST COMMAND...
cat >"$scratch/agent" <<AGENT
#!/bin/sh
while case \$1 in -*) true ;; *) false ;; esac; do shift; done
case \$1 in *.1) host=$a ;; *) host=$b ;; esac
shift
exec ip netns exec \$host sh -c "\$*"
AGENT
chmod +x "$scratch/agent"

run() # OUT [slowly]
{
    timeout -s KILL 120 ip netns exec $a "$mpirun" --mca plm_rsh_agent "$scratch/agent" --mca btl tcp,self \
        --mca btl_tcp_if_include $net.0/24 --mca oob_tcp_if_include $net.0/24 --mca oob_tcp_keepalive_time 2 \
        --mca oob_tcp_keepalive_intvl 1 --mca oob_tcp_keepalive_probes 2 --host $net.1,$net.2 -n 2 \
        "$program" train "$scratch/photos" "$scratch/$1" ${2:+"$2"} >"$scratch/log" 2>&1
}

same() # OUT
{
    for file in best.safetensors last.safetensors history.jsonl; do
        cmp "$scratch/one/$file" "$scratch/$1/$file" || return 1
    done
}

shape() # tc's words: both directions
{
    ip netns exec $a tc qdisc replace dev rn1 root "$@" 2>/dev/null &&
        ip netns exec $b tc qdisc replace dev rn1 root "$@" 2>/dev/null
}

mkdir "$scratch/photos"
"$program" photos "$scratch/photos" || exit 1
"$mpirun" -n 1 "$program" train "$scratch/photos" "$scratch/one" >"$scratch/log" 2>&1; verdict "one process trains" $?
# A second link between them, of TAP devices: MILLISECONDS MBIT
make_late()
{
    [ -z "$relay" ] || { kill $relay; wait $relay; } 2>/dev/null
    rm -f "$scratch/relay"
    python3 "$here/relay.py" rn$$t rn$$u "$1" "$2" >"$scratch/relay" 2>&1 &
    relay=$!
    until grep -qs ready "$scratch/relay"; do
        kill -0 $relay 2>/dev/null || { relay=; return 1; }
        sleep 0.1
    done
    ip link set rn$$t netns $a name rn2 && ip link set rn$$u netns $b name rn2 &&
        ip -n $a addr add 10.78.0.1/24 dev rn2 && ip -n $b addr add 10.78.0.2/24 dev rn2 &&
        ip -n $a link set rn2 mtu 9000 up && ip -n $b link set rn2 mtu 9000 up
}

cut_link() # OUT: while it trains
{
    rm -f "$scratch/ended"
    (until [ -f "$scratch/$1/last.safetensors" ] || [ -f "$scratch/ended" ]; do sleep 0.1; done
        sleep 0.5; ip -n $a link set $device down) &
    run "$1" slowly
    status=$?
    [ $status -ne 0 ] && [ $status -ne 137 ]; verdict "a link that is cut ends both" $? # 137: they had to be killed
    touch "$scratch/ended"
    wait $!
    [ -f "$scratch/$1/last.safetensors" ] && ! same "$1" >/dev/null 2>&1; verdict "in the middle of the run" $?
    ip -n $a link set $device up
    run "$1" && same "$1"; verdict "which goes on to the same bytes" $?
}

run two && same two; verdict "two hosts write what one process writes" $?
if shape tbf rate 20mbit burst 16kb latency 50ms; then
    run narrow && same narrow; verdict "so they do at 20 Mbit/s" $?
else
    skip "a slow link: no tc tbf in this kernel"
fi
ip netns exec $a tc qdisc del dev rn1 root 2>/dev/null
ip netns exec $b tc qdisc del dev rn1 root 2>/dev/null
cut_link cut
net=10.78.0 device=rn2
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
