# SPDX-License-Identifier: MIT
# fish completion of resnet. Options are asked of the program, so that they cannot differ.
function __resnet_options
    set -l words (commandline -opc)
    test (count $words) -ge 2; and $words[1] $words[2] --help-all 2>/dev/null | sed -n 's/^  \(--[a-z-]*\) \(.*\)/\1\t\2/p'
end
complete -c resnet -n '__fish_use_subcommand' -f -a "(resnet --help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\)  *\(.*\)/\1\t\2/p')"
complete -c resnet -n 'not __fish_use_subcommand; and string match -q -- "-*" (commandline -ct)' -a '(__resnet_options)'
