#!/bin/sh
# SPDX-License-Identifier: MIT
# What libresnet.so shows to programs, held still: exported symbols, SONAME, needed libraries, size. check_abi.sh SOURCE_DIRECTORY LIBRARY
#
# symbols.txt changes when the API does, in the same commit; docs/abi.md says what else has to change with it.
set -u
source=$1 library=$2
here=$(dirname "$0")
. "$(dirname "$0")/../support/verdict.sh"
export LC_ALL=C

# Functions that the headers declare.
cat "$source"/include/resnet/*.h | tr '\n' ' ' | sed 's/RN_API/\n&/g' |
    sed -nE 's/^RN_API[^(;]*[ *](rn_[a-z0-9_]+)\(.*/\1/p' | sort >"$scratch/declared"
# Exported functions without their version, and those that are not of the node that docs/abi.md gives them.
nm --dynamic --defined-only --with-symbol-versions "$library" | awk '$2 != "A" { print $3 }' >"$scratch/versioned"
sed 's/@.*//' "$scratch/versioned" | sort >"$scratch/exported"
grep -v '@@RESNET_0$' "$scratch/versioned" >"$scratch/outside"
grep -v '^#' "$here/symbols.txt" >"$scratch/listed"

[ "$(wc -l <"$scratch/declared")" -gt 100 ] || verdict "the headers can be read" 1
diff "$scratch/listed" "$scratch/declared"; verdict "symbols.txt (<) lists what the headers declare (>)" $?
diff "$scratch/listed" "$scratch/exported"; verdict "symbols.txt (<) lists what the library exports (>)" $?

cat "$scratch/outside"
[ ! -s "$scratch/outside" ]; verdict "every export is of the version node RESNET_0" $?

nm --dynamic "$library" | awk '$(NF - 1) == "U" { sub(/@.*/, "", $NF); print $NF }' |
    grep -xE 'printf|puts|putchar|vprintf|exit|_exit|abort|__assert_fail|setlocale|srand|rand|signal|sigaction' >"$scratch/forbidden"
cat "$scratch/forbidden"
[ ! -s "$scratch/forbidden" ]; verdict "the library does not print, exit, abort, or touch the process" $?

# Processes reach each other through an rn_collective; what fills one from MPI is another library.
nm --dynamic "$library" | grep -iE '[ _]p?mpi|ompi_|opal_' >"$scratch/mpi"
cat "$scratch/mpi"
[ ! -s "$scratch/mpi" ]; verdict "it has no symbol of MPI" $?

readelf --dynamic "$library" >"$scratch/dynamic"
grep -q 'SONAME.*\[libresnet\.so\.0\]' "$scratch/dynamic"; verdict "SONAME is libresnet.so.0" $?
sed -nE 's/.*\(NEEDED\).*\[(.*)\]/\1/p' "$scratch/dynamic" |
    grep -vxE 'libc\.so\.6|libm\.so\.6|ld-linux.*|libgomp\.so\.1|libomp\.so\.5|libz\.so\.1|libjpeg\.so\.[0-9]+|libcjson\.so\.1|libwebp(demux)?\.so\.[0-9]+|libtiff\.so\.[0-9]+|libpthread\.so\.0' >"$scratch/needed"
cat "$scratch/needed"
[ ! -s "$scratch/needed" ]; verdict "it needs the libraries that the README names and no other" $?
! grep -q TEXTREL "$scratch/dynamic"; verdict "no text relocations" $?

cp "$library" "$scratch/stripped.so" && strip "$scratch/stripped.so"
size=$(wc -c <"$scratch/stripped.so")
echo "stripped: $size bytes"
[ "$size" -lt 1000000 ]; verdict "under 1,000,000 bytes stripped" $?

strings -a "$scratch/stripped.so" | grep -F "$source/"
[ $? -eq 1 ]; verdict "nothing in it tells where it was built" $?

conclude
