#!/bin/sh
# SPDX-License-Identifier: MIT
# No two files of a room need each other, directly or by way of others: one can be read after the other. check_circles.sh SOURCE_DIRECTORY
#
# A file of lib/ needs another of its room if it names something that the other defines: a function or an object rn_...
# whose definition begins a line, as clang-format writes it. Calls by pointer are none.
set -eu
source=$1
here=$(dirname "$0")

check() # LIB_DIRECTORY: prints one line for each need that is part of a circle, or lies between two circles
{
    (cd "$1" && find . -name '*.c' -type f | sort | sed 's|^\./||' | while read -r file; do
        sed "s|^|$file |" "$file"
    done) | awk -v exceptions="$here/circles.txt" '
        function room(file) { return substr(file, 1, index(file, "/") - 1) }
        BEGIN {
            while ((getline line < exceptions) > 0) {
                if (line ~ /^#/ || line == "") continue
                split(line, part, / /)
                excepted[part[1]] = 1
            }
        }
        {
            file = $1
            line = substr($0, length(file) + 2)
            gsub(/"([^"\\]|\\.)*"/, "", line)
            if (file != last) { commented = 0; last = file }
            if (commented) {
                if (!sub(/^.*\*\//, "", line)) next
                commented = 0
            }
            gsub(/\/\*([^*]|\*+[^*\/])*\*+\//, "", line)
            if (sub(/\/\*.*$/, "", line)) commented = 1
            if (line ~ /^[a-z]/ && line !~ /^(static|typedef|extern|enum) / && line !~ /\);$/ &&
                match(line, /rn_[a-z0-9_]+(\(|(\[[^]]*\])* =)/)) {
                name = substr(line, RSTART, RLENGTH)
                sub(/[^a-z0-9_].*$/, "", name)
                defined[room(file), name] = defined[room(file), name] " " file # of several the build takes one
                defines[file, name] = 1
            }
            while (match(line, /rn_[a-z0-9_]+/)) {
                named[file, substr(line, RSTART, RLENGTH)] = 1
                line = substr(line, RSTART + RLENGTH)
            }
        }
        END {
            for (pair in named) {
                split(pair, part, SUBSEP)
                file = part[1]
                if (!((room(file), part[2]) in defined) || (file, part[2]) in defines || file in excepted) continue
                count = split(defined[room(file), part[2]], others, " ")
                for (i = 1; i <= count; i++) needs[file, others[i]] = part[2]
            }
            do { # what needs nothing, or what nothing needs, is in no circle
                split("", begins); split("", ends)
                for (pair in needs) { split(pair, part, SUBSEP); begins[part[1]] = 1; ends[part[2]] = 1 }
                removed = 0
                for (pair in needs) {
                    split(pair, part, SUBSEP)
                    if (!(part[2] in begins) || !(part[1] in ends)) gone[++removed] = pair
                }
                for (i = 1; i <= removed; i++) delete needs[gone[i]]
            } while (removed > 0)
            for (pair in needs) { split(pair, part, SUBSEP); print part[1] " needs " part[2] " (" needs[pair] ")" }
        }' | sort
}

# The check itself must be able to fail, and to pass.
planted=$(mktemp -d)
trap 'rm -rf "$planted"' EXIT
mkdir -p "$planted/tensor" "$planted/image"
printf 'rn_status rn_a(int x)\n{\n    return rn_b(x);\n}\n' >"$planted/tensor/a.c"
printf 'const rn_row rn_b = { rn_c };\n' >"$planted/tensor/b.c"
printf 'void *rn_c(void)\n{\n    return rn_a;\n}\n' >"$planted/tensor/c.c"
printf '/* rn_a:\n * rn_e */\nint rn_d(void)\n{\n    return rn_a("rn_e"); /* rn_e */\n}\n' >"$planted/tensor/d.c"
printf 'static int rn_a(int x);\nint rn_e(void)\n{\n    return rn_d();\n}\n' >"$planted/tensor/e.c"
printf 'int rn_f(void)\n{\n    return rn_a(rn_d());\n}\n' >"$planted/image/a.c"
if [ "$(check "$planted" | wc -l)" -ne 3 ]; then
    echo "the check does not see a planted circle of three, or more than it:"
    check "$planted"
    echo "[  FAILED  ] 1 test(s)"
    exit 1
fi

circles=$(check "$source/lib")
if [ -n "$circles" ]; then
    echo "$circles"
    echo "[  FAILED  ] 1 test(s)"
    exit 1
fi
echo "[  PASSED  ] 1 test(s)."
