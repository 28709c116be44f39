# SPDX-License-Identifier: MIT
# bash completion of resnet. Options are asked of the program, so that they cannot differ.
_resnet()
{
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} program=${COMP_WORDS[0]} command=${COMP_WORDS[1]} words=
    if [ "$COMP_CWORD" -eq 1 ]; then
        words=$("$program" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p')' --help --version'
    elif [ "$before" = --arch ] || { [ "$command" = summary ] && [[ $COMP_CWORD -eq 2 && $word != -* ]]; }; then
        words=$("$program" list 2>/dev/null | sed -n '2,$s/ .*//p')
    elif [ "$before" = --precision ]; then
        words='fp32 bf16'
    elif [ "$before" = --recipe ]; then
        words='tutorial tuned'
    elif [[ $word == -* ]]; then
        words=$("$program" "$command" --help-all 2>/dev/null | sed -n 's/^  \(--[a-z-]*\) .*/\1/p')
    fi
    # shellcheck disable=SC2207 # words have no blanks
    COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _resnet resnet
