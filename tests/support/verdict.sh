# SPDX-License-Identifier: MIT
# What scripts that test share: a folder that goes with them, verdicts, and the count that tests/run.sh adds up.
# . "$(dirname "$0")/../support/verdict.sh"
passed=0 failed=0 skipped=0
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

verdict() # NAME STATUS: of a failure also what lies in $scratch/log
{
    if [ "$2" -eq 0 ]; then
        echo "[       OK ] $1"
        passed=$((passed + 1))
    else
        [ ! -f "$scratch/log" ] || cat "$scratch/log"
        echo "failed: $1"
        failed=$((failed + 1))
    fi
}

check() # NAME COMMAND...: the command succeeds
{
    name=$1
    shift
    "$@" >"$scratch/log" 2>&1
    verdict "$name" $?
}

skip() # WHY
{
    echo "[  SKIPPED ] $1"
    skipped=$((skipped + 1))
}

conclude() # the script's last word, and its status
{
    echo "[  PASSED  ] $passed test(s)."
    [ $skipped -eq 0 ] || echo "[  SKIPPED ] $skipped test(s)"
    [ $failed -eq 0 ] || echo "[  FAILED  ] $failed test(s)"
    [ $failed -eq 0 ]
}
