#!/bin/sh
# SPDX-License-Identifier: MIT
# A short run of a fuzz target with a fixed seed: check_fuzz.sh PROGRAM SEEDS RUNS CORPUS...; prints what tests/run.sh counts.
set -eu
program=$1 make_seeds=$2 runs=$3
shift 3
name=$(basename "$program")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$make_seeds" "$work"
mkdir -p "$work/$name"
if (cd "$work" && "$program" -runs="$runs" -seed=1 -rss_limit_mb=4096 -timeout=20 -print_final_stats=1 "$work/$name" "$@") >"$work/log" 2>&1; then
    grep 'number_of_executed_units' "$work/log"
    echo "[  PASSED  ] 1 test(s)."
else
    tail -n 60 "$work/log"
    echo "[  FAILED  ] 1 test(s)."
    exit 1
fi
