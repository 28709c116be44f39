#!/bin/sh
# SPDX-License-Identifier: MIT
# Doxygen makes the API reference of the public headers without a warning, and all that the library exports is in it.
# check_reference.sh SOURCE_DIRECTORY
set -u
source=$1
. "$(dirname "$0")/../support/verdict.sh"

if ! command -v doxygen >/dev/null; then
    skip "no doxygen: the API reference"
    conclude
    exit
fi
reference() { (mkdir -p "$2" && cd "$1" && RESNET_REFERENCE="$2" doxygen docs/Doxyfile); } # SOURCE FOLDER
complete() # FOLDER
{
    test -s "$1/html/index.html" &&
        sed -n 's/.*<name>\(rn_[a-z0-9_]*\)<.*/\1/p' "$1/resnet.tag" | sort -u >"$scratch/there" &&
        sed -n 's/^\(rn_[a-z0-9_]*\).*/\1/p' "$source/tests/abi/symbols.txt" | sort -u >"$scratch/exported" &&
        test -s "$scratch/exported" && ! comm -23 "$scratch/exported" "$scratch/there" | grep .
}
refused() # SED_COMMAND HEADER: the headers, so changed, have a warning
{
    rm -rf "$scratch/other" && mkdir -p "$scratch/other/docs" "$scratch/other/mpi" && cp "$source"/docs/Doxyfile "$source"/docs/reference.* "$scratch/other/docs" &&
        cp -R "$source/include" "$scratch/other" && cp -R "$source/mpi/include" "$scratch/other/mpi" &&
        sed -i "$1" "$scratch/other/include/resnet/$2" && ! cmp -s "$scratch/other/include/resnet/$2" "$source/include/resnet/$2" &&
        ! reference "$scratch/other" "$scratch/refused"
}

check "the reference has no warning" reference "$source" "$scratch/reference"
check "all that is exported is in it" complete "$scratch/reference"
check "a comment that names a call that is not there is refused" refused 's/rn_session_plan_bytes counts/rn_session_plan_octets counts/' session.h
check "a comment that names a field that is not there is refused" refused 's/rn_session_options.input)/rn_session_options.inputs)/; s/rn_trainer_options.feature_memory/rn_trainer_options.feature_bytes/' trainer.h

conclude
