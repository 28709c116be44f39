# SPDX-License-Identifier: MIT
# Doxygen's input filter: the comments of the headers, which are plain C, in Doxygen's form.
#
#   the first comment of a file            documents the file
#   a comment in front of a declaration    documents it, and functions that follow it without an empty line
#   a comment behind a declaration         documents that
#   ---- title ----                        begins a group of declarations
#   lines that are set in, after an empty line or a colon    stand as they are: code, tables
#   rn_name, rn_name.field, RN_NAME        link to what they name, which has to be there

# What Doxygen would take for its own commands is text.
function plain(text) { gsub(/[\\@<>#&%]/, "\\\\&", text); return text }

function is_name(name, rest) { return !(name in unknown) && name !~ /\.h$/ && rest !~ /^[_*]/ }

function linked(text,    done, name, member) {
    done = ""
    while (match(text, /(^|[^A-Za-z0-9_\/.])(rn|RN)_[A-Za-z0-9_]*[A-Za-z0-9](\.[a-z][a-z0-9_]*)?/)) {
        name = substr(text, RSTART, RLENGTH)
        done = done plain(substr(text, 1, RSTART - 1))
        text = substr(text, RSTART + RLENGTH)
        if (name !~ /^[rR]/) {
            done = done plain(substr(name, 1, 1))
            name = substr(name, 2)
        }
        member = name
        if (!is_name(name, text)) done = done name
        else {
            sub(/\./, "::", member)
            done = done "@ref " member " \"" name "\"" # without the text a colon behind the name would belong to it
        }
    }
    return done plain(text)
}

# The comment's lines in Doxygen's form, behind `opening`.
function comment(    i, text, out, after_gap, as_is) {
    out = opening
    for (i = 1; i <= lines; i++) {
        text = line[i]
        if (text ~ /^ *$/) {
            if (as_is && line[i + 1] !~ /^  /) {
                out = out "\n@endverbatim"
                as_is = 0
            }
            out = out "\n"
            after_gap = 1
            continue
        }
        if (as_is && text !~ /^  /) {
            out = out "\n@endverbatim"
            as_is = 0
        } else if (!as_is && i > 1 && text ~ /^  +[^ -]/) {
            as_is = after_gap || line[i - 1] ~ /:$/
            out = out (as_is ? "\n@verbatim" : "\n")
        }
        out = out (i > 1 ? "\n" : "") (as_is ? text : linked(text))
        after_gap = 0
    }
    return out (as_is ? "\n@endverbatim" : "") " */"
}

function take(text) # one more line of a comment; prints the comment behind its last one
{
    inside = !match(text, /\*\//)
    if (!inside) {
        rest = substr(text, RSTART + 2)
        text = substr(text, 1, RSTART - 1)
        sub(/ +$/, "", text)
    }
    if (inside ? lines > 0 || text != "" : text != "") line[++lines] = text
    if (inside) return
    text = comment()
    print text rest
    if (opening == "/** ") {
        last = text
        fresh = 1
    }
}

function begin(text, how) {
    opening = how
    lines = 0
    sub(/^ /, "", text)
    take(text)
}

# Environment variables, and what RN_OPTIONS makes rn_fit_options of.
BEGIN { unknown["RN_THREADS"]; unknown["RN_ISA"]; unknown["RN_CONVOLUTION"]; unknown["rn_fit"] }

inside {
    text = $0
    if (!sub(/^ *\*\//, "*/", text) && !sub(/^ *\* ?/, "", text)) sub(/^ +/, "", text)
    take(text)
    next
}
/^\/\* SPDX/ { print; next }
/^ *\/\* -+ .* -+ \*\/$/ {
    title = $0
    gsub(/^ *\/\* -+ | -+ \*\/$/, "", title)
    print (grouped ? "/** @} */\n" : "") "/** @name " title "\n@{ */"
    grouped = 1
    last = ""
    next
}
/^#ifdef __cplusplus/ && grouped { print "/** @} */"; grouped = 0 }
match($0, /\/\*/) && !/^#/ {
    before = substr($0, 1, RSTART - 1)
    printf "%s", before
    begin(substr($0, RSTART + 2), before ~ /[^ ]/ ? "/**< " : filed ? "/** " : "/** @file\n")
    filed = 1
    next
}
/^RN_API/ && !fresh && last != "" { print last }
{ fresh = 0 }
/^ *$/ { last = "" }
{ print }
