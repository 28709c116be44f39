#!/bin/sh
# SPDX-License-Identifier: MIT
# The recordings of a terminal, replayed: no moving line wraps or stays; and that this is found where one does.
# check_recordings.sh SOURCE
set -u
recordings=$1/docs/recordings
. "$(dirname "$0")/../support/verdict.sh"
command -v python3 >/dev/null || { skip "recordings: no python3 here"; conclude; exit; }

check "no moving line wraps or stays" python3 "$recordings/record.py" check "$recordings/train-60.cast" "$recordings/train-120.cast"
refuses() # NAME RECORDING WORDS: and says why
{
    check "$1" sh -c '! python3 "$1/record.py" check "$2" 2>"$2.said" && grep "$3" "$2.said"' sh "$recordings" "$2" "$3"
}
sed '1s/"width": 120/"width": 60/' "$recordings/train-120.cast" >"$scratch/narrow.cast"
refuses "a narrower terminal would wrap one" "$scratch/narrow.cast" "a moving line is wider"
for columns in 60 120; do
    sed 's/"\\r\\u001b\[K/"\\r\\n/' "$recordings/train-$columns.cast" >"$scratch/stays.cast"
    refuses "a line that is not erased stays, of $columns columns" "$scratch/stays.cast" "moving lines have stayed"
done

conclude
