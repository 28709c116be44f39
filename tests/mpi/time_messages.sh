#!/bin/sh
# SPDX-License-Identifier: MIT
# How long an exchange of 1 MiB takes between two hosts (two_hosts.sh) over a link that is late, a mean of 20.
#
#   time_messages.sh MPIRUN MPI_RUN "MILLISECONDS MBIT" [OPTION...]: options of mpirun
set -u
mpirun=$1 mpi_run=$2 link=$3
shift 3
here=$(dirname "$0")
scratch=$(mktemp -d) || exit 1
. "$here/two_hosts.sh"

# shellcheck disable=SC2086
make_hosts && make_late $link && on_two "$mpirun" rn2 "$@" "$mpi_run" messages 1048576 20
