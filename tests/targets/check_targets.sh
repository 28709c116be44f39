#!/bin/sh
# SPDX-License-Identifier: MIT
# The library compiles without OpenMP on this machine and, where their C library's headers are installed (Debian:
# libc6-dev-armhf-cross, libc6-dev-i386-cross, ...), for targets with 32-bit pointers and other byte orders: every source
# and the public headers, without code being made. Needs clang. check_targets.sh SOURCE_DIRECTORY
set -u
source=$1
passed=0 failed=0 skipped=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Headers of libraries that every target shares: they have no part that depends on it but their installed configuration.
mkdir "$scratch/include"
for header in cjson stb zlib.h zconf.h; do
    for place in /usr/include /usr/include/"$(cc -dumpmachine)"; do
        [ -e "$place/$header" ] && ln -sf "$place/$header" "$scratch/include/$header"
    done
done
# No header of OpenMP either: the library does without.

check() # NAME TRIPLE INCLUDE_DIRECTORY
{
    if ! command -v clang >/dev/null || [ ! -d "$3" ]; then
        echo "skipped: $1 (no clang, or no $3)"
        skipped=$((skipped + 1))
        return
    fi
    bad=0
    for file in "$source"/lib/*/*.c; do
        case $file in
        *_avx2.c | *_avx512.c | *_avx512_bf16.c | */codec_jpeg.c) continue ;; # another instruction set, another library
        esac
        clang --target="$2" -fsyntax-only -std=c11 -Wall -Wextra -Werror -DRN_WITHOUT_JPEG -nostdlibinc -isystem "$3" \
            -isystem "$3/$2" -isystem "$scratch/include" -I"$source/include" -I"$source/lib" "$file" 2>"$scratch/log" || {
            bad=$((bad + 1))
            head -n 5 "$scratch/log"
        }
    done
    if [ $bad -eq 0 ]; then
        echo "[       OK ] $1"
        passed=$((passed + 1))
    else
        echo "failed: $1: $bad files"
        failed=$((failed + 1))
    fi
}

check "this machine" "$(cc -dumpmachine)" /usr/include
check "armhf" arm-linux-gnueabihf /usr/arm-linux-gnueabihf/include
check "i386" i686-linux-gnu /usr/i686-linux-gnu/include
check "mipsel" mipsel-linux-gnu /usr/mipsel-linux-gnu/include
check "powerpc" powerpc-linux-gnu /usr/powerpc-linux-gnu/include

echo "[  PASSED  ] $passed test(s)"
[ $skipped -eq 0 ] || echo "[  SKIPPED ] $skipped test(s)"
[ $failed -eq 0 ] || echo "[  FAILED  ] $failed test(s)"
[ $failed -eq 0 ]
