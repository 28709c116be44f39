#!/bin/sh
# SPDX-License-Identifier: MIT
# The program resnet: helps fit a screen, its manual page has the options that they have, and bash completes them.
# check_resnet.sh PROGRAM SOURCE_DIRECTORY
set -u
program=$1 source=$2
. "$(dirname "$0")/../support/verdict.sh"

options() { "$program" "$1" --help-all | sed -n 's/^  \(--[a-z-]*\) .*/\1/p' | sort; }
manual() { # the section of a command
    awk -v section="RESNET $(echo "$1" | tr a-z A-Z)" '/^\.SH/ { inside = index($0, section) } inside' "$source/examples/resnet.1" |
        sed -n 's/^\.BI* \\-\\-\([a-z\\-]*\).*/--\1/p' | tr -d '\\' | sort
}
complete() { # the options that bash completes
    bash -c '. "$1"; COMP_WORDS=("$2" "$3" --) COMP_CWORD=2; _resnet; printf "%s\n" "${COMPREPLY[@]}"' bash \
        "$source/examples/completion/resnet.bash" "$program" "$1" | sort
}
same() { "$1" "$2" >"$scratch/a" && options "$2" >"$scratch/b" && test -s "$scratch/a" && diff "$scratch/a" "$scratch/b"; }
fits() { "$program" "$@" --help >"$scratch/help" && test "$(wc -l <"$scratch/help")" -le 23 && ! grep -E '.{81}' "$scratch/help"; }
ends() { # STATUS ARGUMENTS...
    expected=$1 status=0
    shift
    "$program" "$@" || status=$?
    test $status -eq "$expected"
}

commands=$("$program" --help | sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p')
check "the help fits a screen" fits
check "there are eight commands" sh -c 'test $# -eq 8' sh $commands
for command in $commands; do
    check "$command: the help fits a screen" fits "$command"
    check "$command: the manual page has its options" same manual "$command"
    if command -v bash >/dev/null; then
        check "$command: bash completes its options" same complete "$command"
    else
        skip "no bash: what it completes of $command"
    fi
done
check "no command is wrong usage" ends 2
check "an unknown command is wrong usage" ends 2 fly
check "help of a command" ends 0 help train
check "the version" ends 0 --version
check "the tutorial's names of families" sh -c 'for family in resnet alexnet vgg squeezenet densenet inception; do "$1" list $family | grep "^$family[0-9_]*v*3* " || exit 1; done' \
    sh "$program"
check "messages are the command's" sh -c '"$1" predict 2>&1 | grep "^resnet predict: "' sh "$program"
if command -v man >/dev/null; then
    check "the manual page has no fault" sh -c 'test -z "$(LC_ALL=C.UTF-8 MANROFFSEQ= MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$1" 2>&1 >/dev/null)"' \
        sh "$source/examples/resnet.1"
else
    skip "no man: the manual page"
fi

conclude
