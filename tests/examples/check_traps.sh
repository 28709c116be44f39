#!/bin/sh
# SPDX-License-Identifier: MIT
# docs/traps.md names a test for each trap: each of them is in the file that it is said to be in, and all 29 traps are there.
# check_traps.sh SOURCE_DIRECTORY
set -u
source=$1 page=$1/docs/traps.md
. "$(dirname "$0")/../support/verdict.sh"

named() { # FILE TEST: in a program it is listed to be run, in a script it is a word
    case $1 in
    *.c) grep -Eq "[A-Za-z_]+\($2[,)]|\{ \"$2\"" "$source/$1" ;;
    *) grep -q "$2" "$source/$1" ;;
    esac
}

grep -o '`tests/[^`]*`: `[^`]*`' "$page" | tr -d '`:' >"$scratch/tests"
while read -r file test; do
    check "$file has $test" named "$file" "$test"
done <"$scratch/tests"
sed -n 's/^| \([0-9]*\) |.*`tests.*/\1/p' "$page" | sort -n >"$scratch/traps"
seq 1 29 >"$scratch/all"
check "each of the 29 traps is there once, with a test" diff "$scratch/traps" "$scratch/all"
conclude
