#!/bin/sh
# SPDX-License-Identifier: MIT
# Each public header stands alone and is clean, in C and C++, old and new. check_headers.sh SOURCE_DIRECTORY
set -u
source=$1
passed=0 failed=0 skipped=0
strict="-Wall -Wextra -Wpedantic -Wundef -Wshadow -Werror -fsyntax-only"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

check() # COMPILER LANGUAGE STANDARD EXTRA
{
    command -v "$1" >/dev/null || { echo "[  SKIPPED ] $1 -std=$3: no such compiler"; skipped=$((skipped + 1)); return; }
    bad=0
    for header in "$source"/include/resnet/*.h; do
        name=resnet/$(basename "$header")
        # Twice: the guard works. A declaration behind it: nothing is left open.
        printf '#include <%s>\n#include <%s>\nint after(void);\n' "$name" "$name" >"$scratch/header.$2"
        # shellcheck disable=SC2086
        "$1" -std="$3" $strict $4 -I"$source/include" "$scratch/header.$2" || { echo "$1 -std=$3: $name"; bad=1; }
        if [ "$(wc -l <"$header")" -gt 300 ]; then
            echo "$name has more than 300 lines"
            bad=1
        fi
    done
    if [ $bad -eq 0 ]; then
        echo "[       OK ] $1 -std=$3"
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
}

c="-Wstrict-prototypes -Wmissing-prototypes"
check gcc c c11 "$c"
check gcc c c99 "$c"
check g++ cpp c++17 "-Wold-style-cast -Wzero-as-null-pointer-constant"
check g++ cpp c++20 ""
check clang c c11 "$c"
check clang++ cpp c++17 "-Wold-style-cast -Wzero-as-null-pointer-constant"

# Everything is included by resnet.h, and everything that is exported is a function of ours.
for header in "$source"/include/resnet/*.h; do
    name=resnet/$(basename "$header")
    case $name in resnet/resnet.h | resnet/export.h | resnet/experimental.h) continue ;; esac
    grep -q "#include <$name>" "$source/include/resnet/resnet.h" || { echo "resnet.h does not include $name"; failed=$((failed + 1)); }
done

echo "[  PASSED  ] $passed test(s)."
[ $skipped -eq 0 ] || echo "[  SKIPPED ] $skipped test(s)"
[ $failed -eq 0 ] || echo "[  FAILED  ] $failed test(s)"
[ $failed -eq 0 ]
