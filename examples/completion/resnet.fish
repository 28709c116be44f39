# SPDX-License-Identifier: MIT
# fish completion of resnet. Options are asked of the program, so that they cannot differ.
function __resnet_options
    set -l words (commandline -opc)
    test (count $words) -ge 2; and $words[1] $words[2] --help-all 2>/dev/null | sed -n 's/^  \(--[a-z-]*\)  *\(.*\)/\1\t\2/p'
end
function __resnet_behind # OPTION: it is the word before
    set -l words (commandline -opc)
    test "$words[-1]" = $argv[1]
end
complete -c resnet -n __fish_use_subcommand -f -a "(resnet --help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\)   *\(.*\)/\1\t\2/p')"
complete -c resnet -n 'not __fish_use_subcommand; and string match -q -- "-*" (commandline -ct)' -a '(__resnet_options)'
complete -c resnet -n '__resnet_behind --arch' -f -a "(resnet list 2>/dev/null | sed -n '2,\$s/ .*//p')"
complete -c resnet -n '__resnet_behind --precision' -f -a 'fp32 bf16'
complete -c resnet -n '__resnet_behind --recipe' -f -a 'tutorial tuned'
