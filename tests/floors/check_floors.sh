#!/bin/sh
# SPDX-License-Identifier: MIT
# A file under lib/ includes its own room and the rooms that floors.txt allows, and nothing else. check_floors.sh SOURCE_DIRECTORY
set -eu
source=$1
here=$(dirname "$0")

check() # LIB_DIRECTORY: prints one line a violation
{
    (cd "$1" && find . -name '*.[ch]' -type f | sort | while read -r file; do
        room=$(echo "$file" | cut -d/ -f2)
        sed -n -E 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*["<]([^">]*)[">].*/\1/p' "$file" | sed "s|^|$room ${file#./} |"
    done) | awk -v floors="$here/floors.txt" -v headers="$here/headers.txt" '
        BEGIN {
            while ((getline line < floors) > 0) {
                if (line ~ /^#/ || line == "") continue
                n = split(line, part, /[: ]+/)
                known[part[1]] = 1
                for (i = 2; i <= n; i++) if (part[i] != "") allowed[part[1], part[i]] = 1
            }
            while ((getline line < headers) > 0) {
                if (line ~ /^#/ || line == "") continue
                split(line, part, / /)
                behind[part[1]] = part[2]
            }
        }
        {
            room = $1; file = $2; target = $3
            if (!(room in known)) { print file ": the room " room " is not in floors.txt"; next }
            if (target ~ /^resnet\//) {
                header = substr(target, 8)
                if (!(header in behind)) { print file ": <" target "> is not in headers.txt (a room includes the nouns it needs, not resnet.h)"; next }
                owner = behind[header]
            } else if (split(target, part, "/") == 2 && part[1] in known) {
                owner = part[1]
            } else {
                next
            }
            if (owner != room && owner != "base" && !((room, owner) in allowed))
                print file ": includes " target ", but " room " must not know " owner
        }'
}

# The check itself must be able to fail.
planted=$(mktemp -d)
trap 'rm -rf "$planted"' EXIT
mkdir -p "$planted/tensor" "$planted/attic"
echo '#include "graph/graph.h"' >"$planted/tensor/a.c"
echo '#  include <resnet/session.h>' >"$planted/tensor/b.c"
echo '#include <resnet/resnet.h>' >"$planted/tensor/c.c"
echo '#include "base/file.h"' >"$planted/attic/d.c"
printf '#include "tensor/tensor.h"\n#include "base/memory.h"\n#include <resnet/tensor.h>\n#include <stdio.h>\n' >"$planted/tensor/good.c"
if [ "$(check "$planted" | wc -l)" -ne 4 ]; then
    echo "the check does not see planted violations:"
    check "$planted"
    echo "[  FAILED  ] 1 test(s)"
    exit 1
fi

# A header may not include a file that is not below its own directory or lib/ by a relative path either.
violations=$(check "$source/lib"; grep -rnE '#[[:space:]]*include[[:space:]]*"\.\.?/' "$source/lib" "$source/include" || true)
if [ -n "$violations" ]; then
    echo "$violations"
    echo "[  FAILED  ] 1 test(s)"
    exit 1
fi
echo "[  PASSED  ] 1 test(s)."
