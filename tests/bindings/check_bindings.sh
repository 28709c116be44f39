#!/bin/sh
# SPDX-License-Identifier: MIT
# The programs of docs/embedding.md: each is compiled where its language is there, run, and must say what is expected. check_bindings.sh SOURCE_DIRECTORY LIBRARY
set -u
source=$1 library=$2
here=$source/tests/bindings
place=$(dirname "$library")
passed=0 failed=0 skipped=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export LD_LIBRARY_PATH="$place"
export OMP_WAIT_POLICY=passive

check() # NAME TOOL WORDS COMMAND...
{
    what=$1 tool=$2 words=$3
    shift 3
    if ! command -v "$tool" >/dev/null; then
        echo "skipped: $what (no $tool)"
        skipped=$((skipped + 1))
    elif "$@" >"$scratch/out" 2>&1 && grep -q "$words" "$scratch/out"; then
        echo "[       OK ] $what: $(tail -n 1 "$scratch/out")"
        passed=$((passed + 1))
    else
        cat "$scratch/out"
        echo "failed: $what"
        failed=$((failed + 1))
    fi
}

in_c() # SOURCE ARGUMENTS...
{
    program=$1
    shift
    cc -std=c11 -Wall -Wextra -Werror -I"$source/include" "$here/$program.c" -o "$scratch/$program" -L"$place" -lresnet -pthread && "$scratch/$program" "$@"
}
in_cpp() { c++ -std=c++14 -Wall -Wextra -Werror -I"$source/include" "$here/binding.cpp" -o "$scratch/cpp" -L"$place" -lresnet && "$scratch/cpp"; }
in_python() { python3 "$here/binding.py" "$library"; }
in_rust() { rustc --edition 2021 -o "$scratch/rust" "$here/binding.rs" -L "$place" && "$scratch/rust"; }
in_go() { cd "$here" && CGO_CFLAGS="-I$source/include" CGO_LDFLAGS="-L$place -lresnet" GOCACHE="$scratch/go" GOFLAGS=-mod=mod go run binding.go; }

check "a server in C" cc answered in_c server "$scratch/w"
check "photos in memory, in C" cc "accuracy 1.00" in_c dataset
check "C++" c++ "cifar_resnet20: 269722 parameters" in_cpp
check "Python by ctypes" python3 "269722 parameters" in_python
check "Rust" rustc "the last is linear" in_rust
check "Go" go "10 classes" in_go

echo "[  PASSED  ] $passed test(s)"
[ $skipped -eq 0 ] || echo "[  SKIPPED ] $skipped test(s)"
[ $failed -eq 0 ] || echo "[  FAILED  ] $failed test(s)"
[ $failed -eq 0 ]
