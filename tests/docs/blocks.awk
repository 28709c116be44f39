# SPDX-License-Identifier: MIT
# Takes the C and shell blocks out of a page: awk -v out=DIRECTORY -f blocks.awk PAGE. Writes DIRECTORY/N.c or N.sh for
# each, blank lines in front so that a compiler's message has the page's line, and prints "N c|sh LINE DIRECTIVE", where
# the directive is that of a comment in the line above the block: <!-- block: DIRECTIVE -->.
/^<!-- block: .* -->$/ {
    if (at) print "- stray", at, directive
    directive = substr($0, 13, length($0) - 16)
    at = NR
    next
}
/^```(c|sh)$/ && !inside {
    kind = substr($0, 4)
    file = out "/" ++count "." kind
    printf "" > file
    for (i = 0; i < NR; i++) print "" > file
    print count, kind, NR, at == NR - 1 ? directive : ""
    if (at != NR - 1 && at) print "- stray", at, directive
    at = directive = ""
    inside = 1
    next
}
/^```/ {
    if (inside == 1) close(file)
    inside = inside ? 0 : 2
    next
}
inside == 1 { print > file }
END {
    if (at) print "- stray", at, directive
    if (inside) print "- open", NR
}
