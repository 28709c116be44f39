# SPDX-License-Identifier: MIT
# Two hosts, which are network namespaces, $a and $b, with TCP between them: a veth pair, and a link that is late. For
# scripts that have $here, the directory of this file, and $scratch, which goes with the hosts when they end. Needed are
# root and `ip netns`; for the late link /dev/net/tun and python3 (relay.py).
. "$here/processes.sh"
a=rn$$a b=rn$$b relay= limit=120
trap 'remove_hosts; rm -rf "$scratch"' EXIT
trap 'exit 2' INT TERM

# The pair: device rn1, 10.77.0.1 and 10.77.0.2.
make_hosts()
{
    # What a launcher calls in the place of ssh: [options] HOST COMMAND...
    cat >"$scratch/agent" <<AGENT
#!/bin/sh
while case \$1 in -*) true ;; *) false ;; esac; do shift; done
case \$1 in *.1) host=$a ;; *) host=$b ;; esac
shift
exec ip netns exec \$host sh -c "\$*"
AGENT
    chmod +x "$scratch/agent"
    ip netns add $a && ip netns add $b &&
        ip link add rn1 netns $a type veth peer name rn1 netns $b &&
        ip -n $a addr add 10.77.0.1/24 dev rn1 && ip -n $b addr add 10.77.0.2/24 dev rn1 &&
        ip -n $a link set lo up && ip -n $b link set lo up && raise_pair
}

# Up to a second passes until the kernel says that a link runs, and MPICH believes it.
raise_pair()
{
    ip -n $a link set rn1 up && ip -n $b link set rn1 up || return
    for _ in $(seq 50); do
        runs $a && runs $b && return
        sleep 0.1
    done
    return 1
}

runs() # HOST
{
    ip -n "$1" link show rn1 | grep -q "state UP"
}

shape() # tc's words for both directions of the pair
{
    ip netns exec $a tc qdisc replace dev rn1 root "$@" 2>/dev/null &&
        ip netns exec $b tc qdisc replace dev rn1 root "$@" 2>/dev/null
}

unshape()
{
    ip netns exec $a tc qdisc del dev rn1 root 2>/dev/null
    ip netns exec $b tc qdisc del dev rn1 root 2>/dev/null
}

end_relay()
{
    [ -z "$relay" ] || { kill $relay; wait $relay; } 2>/dev/null
    relay=
}

# The late link, of TAP devices: device rn2, 10.78.0.1 and 10.78.0.2.
make_late() # MILLISECONDS MBIT
{
    end_relay
    rm -f "$scratch/relay"
    python3 "$here/relay.py" rn$$t rn$$u "$1" "$2" >"$scratch/relay" 2>&1 &
    relay=$!
    until grep -qs ready "$scratch/relay"; do
        kill -0 $relay 2>/dev/null || { relay=; return 1; }
        sleep 0.1
    done
    ip link set rn$$t netns $a name rn2 && ip link set rn$$u netns $b name rn2 &&
        ip -n $a addr add 10.78.0.1/24 dev rn2 && ip -n $b addr add 10.78.0.2/24 dev rn2 &&
        ip -n $a link set rn2 mtu 9000 up && ip -n $b link set rn2 mtu 9000 up && reaches 10.78.0.2
}

# From the first host, within ten seconds: a port where nobody listens refuses.
reaches() # ADDRESS
{
    ip netns exec $a python3 - "$1" <<'REACHES'
import socket, sys, time
for _ in range(10):
    try:
        socket.create_connection((sys.argv[1], 9), 1)
    except ConnectionRefusedError:
        sys.exit(0)
    except OSError:
        time.sleep(0.1)
sys.exit(1)
REACHES
}

remove_hosts()
{
    end_relay
    ip netns del $a 2>/dev/null
    ip netns del $b 2>/dev/null
}

is_open_mpi() # MPIRUN
{
    "$1" --version 2>&1 | grep -qE "Open MPI|OpenRTE"
}

# One process on each host, started from the first, for $limit seconds at most.
on_two() # MPIRUN DEVICE COMMAND...
{
    launcher=$1 device=$2 net=10.77.0
    shift 2
    [ "$device" = rn1 ] || net=10.78.0
    if is_open_mpi "$launcher"; then
        set -- "$launcher" --mca plm_rsh_agent "$scratch/agent" --mca btl tcp,self --mca btl_tcp_if_include $net.0/24 \
            --mca oob_tcp_if_include $net.0/24 --mca oob_tcp_keepalive_time 2 --mca oob_tcp_keepalive_intvl 1 \
            --mca oob_tcp_keepalive_probes 2 --bind-to none --host $net.1,$net.2 -n 2 "$@"
    else # without UCX_TLS it would find that the two are one machine
        set -- env UCX_TLS=tcp,self "UCX_NET_DEVICES=$device" "$launcher" -launcher ssh \
            -launcher-exec "$scratch/agent" -iface "$device" -hosts $net.1,$net.2 -n 2 "$@"
    fi
    timeout -s KILL "$limit" ip netns exec $a "$@"
}
