#!/bin/sh
# SPDX-License-Identifier: MIT
# Every C and shell block of the READMEs and of docs/ is compiled and run, page by page in the order of the page, in a
# folder that holds what fixture.c makes: flower_data/{train,valid}/{1,2}, cat_to_name.json, photos/{roses,tulips},
# photo.jpg, torchvision's files of two networks with random weights; and examples/tutorial.c. "resnet", and what
# pkg-config says of the library, are those of the build. 20 epochs are made 1.
# check_blocks.sh SOURCE_DIRECTORY LIBRARY PROGRAM
#
# A comment in the line above a block says what is done with it. A block without one fails: nothing is run, let alone
# installed or fetched, that nobody has looked at.
#
#   <!-- block: run ARGUMENTS -->         C: compiled as a program and run with these; shell: run, stopping at what fails
#   <!-- block: frame NAME -->            C: statements, run in tests/docs/NAME.c behind those of the page that stand before
#   <!-- block: from FILE -->             C: lines of FILE, which is compiled and run elsewhere
#   <!-- block: shown, WHY -->            neither: it installs, fetches, measures for minutes; or another test runs it
#
# A page in Chinese has the blocks of the page in English, but for comments in them. Links within the project lead to what
# is there.
set -u
source=$1 library=$2 program=$3
. "$(dirname "$0")/../support/verdict.sh"
here=$source/tests/docs
mkdir "$scratch/home"
export PATH="$(dirname "$program"):$PATH" HOME="$scratch/home" OMP_WAIT_POLICY=passive LC_ALL=C.UTF-8

compile() # FILE OUTPUT
{
    "${CC:-cc}" -std=c11 -Wall -Wextra -Wpedantic -Werror "-I$source/include" -x c "$1" -o "$2" -x none "$library" \
        "-Wl,-rpath,$(dirname "$library")" -lpthread -lm
}

shorten() { sed -e 's/\(-epochs\) 20/\1 1/g' -e 's/\(epochs\|EPOCHS\) = 20/\1 = 1/'; }

quoted() # BLOCK FILE: the block's lines stand in the file, one after the other, however far they are indented
{
    awk '{ sub(/^[ \t]+/, "") } FNR == NR { if (n || $0 != "") block[++n] = $0; next } { text[++lines] = $0 }
        END {
            for (first = 1; first + n - 1 <= lines && !found; first++) {
                for (i = 1; i <= n && text[first + i - 1] == block[i]; i++) ;
                found = n > 0 && i > n
            }
            exit !found
        }' "$1" "$2" || { echo "these lines do not stand in $2 any more:"; sed '/./,$!d' "$1"; return 1; }
}

# What is done with block N, a file N.c or N.sh in the page's folder.
try_block() # N KIND LINE DIRECTIVE...
{
    n=$1 kind=$2
    shift 3
    case "$kind,${1-}" in
    sh,run) shorten <"$n.sh" >"$n.short" && timeout 100 sh -eu "$n.short" ;;
    c,run)
        shift
        shorten <"$n.c" >"$n.short" && compile "$n.short" "./$n.program" && timeout 100 "./$n.program" "$@" ;;
    c,frame)
        echo "{
#include \"$n.c\"
}" >>"$2.blocks" && cp "$here/$2.c" "$2.frame.c" && compile "$2.frame.c" "./$2.program" && timeout 100 "./$2.program" ;;
    c,from) quoted "$n.c" "$source/$2" ;;
    sh,shown, | c,shown,) test $# -gt 1 ;;
    *) echo "above the block stands no comment that says what is done with it, but: \"$*\""; return 1 ;;
    esac
}

extract() { mkdir -p "$2" && awk -v out="$2" -f "$here/blocks.awk" "$1" >"$2/list"; } # PAGE FOLDER

check_page() # PAGE
{
    folder=$scratch/pages/$(basename "$1" .md)
    cp -Rl "$scratch/fixture" "$folder" && extract "$1" "$folder"
    while read -r block; do
        # shellcheck disable=SC2086
        check "$(basename "$1"): block $block" sh_in "$folder" $block
    done <"$folder/list"
}
sh_in() { (cd "$1" && shift && try_block "$@" </dev/null); }

# Blocks without comments, blank lines and indentation at their end.
bare() # FOLDER
{
    (cd "$1" && cut -d' ' -f2 list && for file in $(ls ./*.c ./*.sh 2>/dev/null | sort); do
        echo "$file"
        case $file in
        *.c) sed -e 's|/\*[^*]*\*/||g' "$file" ;;
        *.sh) sed -e 's/\(^\|  *\)#.*//' "$file" ;;
        esac | sed -e 's/ *$//' -e '/^$/d'
    done)
}
alike() # PAGE TRANSLATION
{
    rm -rf "$scratch/pair"
    extract "$1" "$scratch/pair/a" && extract "$2" "$scratch/pair/b" &&
        bare "$scratch/pair/a" >"$scratch/pair/1" && bare "$scratch/pair/b" >"$scratch/pair/2" && diff "$scratch/pair/1" "$scratch/pair/2"
}
unlike() { ! alike "$@"; }

# A heading's anchor is its text in small letters, "-" for blanks and without punctuation.
anchors() { grep '^#' "$1" | sed -e 's/^#* *//' -e 's/[^[:alnum:] _-]//g' -e 's/ /-/g' | tr '[:upper:]' '[:lower:]'; }
links() # PAGE: those that lead nowhere
{
    grep -o ']([^)]*)' "$1" | sed -e 's/^](//' -e 's/)$//' | grep -v '^https\{0,1\}:' | while read -r link; do
        file=${link%%#*}
        target=$(dirname "$1")/$file
        [ -n "$file" ] || target=$1
        if [ ! -e "$target" ]; then echo "$link"; continue; fi
        case $link in *\#*) anchors "$target" | grep -qxF -e "${link#*#}" || echo "$link" ;; esac
    done
}
no_dead_links() { links "$1" >"$scratch/dead" && ! grep . "$scratch/dead"; }

# ---- the check itself can fail -----------------------------------------------------------------------------------------

refused() # a page on standard input of which every block has to fail
{
    rm -rf "$scratch/bad" && mkdir "$scratch/bad" && cat >"$scratch/bad/page.md" && extract "$scratch/bad/page.md" "$scratch/bad" &&
        test -s "$scratch/bad/list" || return 1
    while read -r block; do
        # shellcheck disable=SC2086
        if sh_in "$scratch/bad" $block; then echo "passed: $block"; return 1; fi
    done <"$scratch/bad/list"
}
refuse() # WHAT
{
    refused >"$scratch/log" 2>&1
    verdict "refused: $1" $?
}
refuse "C that does not compile" <<'END'
<!-- block: run -->
```c
int main(void) { return rn_no_such_call(); }
```
END
refuse "C that fails" <<'END'
<!-- block: run -->
```c
int main(void) { return 1; }
```
END
refuse "a shell whose first command fails" <<'END'
<!-- block: run -->
```sh
resnet predict nothing.safetensors photo.jpg
true
```
END
refuse "an option that is not there" <<'END'
<!-- block: run -->
```sh
resnet list --no-such-option
```
END
refuse "statements that fail in their frame" <<'END'
<!-- block: frame embedding -->
```c
rn_image_folder_open(&photos, context, "no such folder", NULL);
```
END
refuse "a quotation that is none" <<'END'
<!-- block: from examples/tutorial.c -->
```c
must(context, rn_model_freeze_backbone(model)); /* never said */
```
END
refuse "blocks without a comment, without a reason, and with a comment that says nothing" <<'END'
```sh
true
```
<!-- block: shown, -->
```sh
true
```
<!-- block: whatever -->
```sh
true
```
END
refuse "a comment above no block" <<'END'
<!-- block: run -->

Text.
END
refuse "a block without an end" <<'END'
```sh
resnet list
END
printf '```sh\nresnet list # all\n```\n' >"$scratch/a.md"
printf '```sh\nresnet list --json\n```\n' >"$scratch/b.md"
printf '```sh\nresnet list # every one\n```\n' >"$scratch/c.md"
check "another comment is no other block" alike "$scratch/a.md" "$scratch/c.md"
check "another option is another block" unlike "$scratch/a.md" "$scratch/b.md"
printf '# A page: of mine\n[here](#a-page-of-mine) [there](a.md)\n' >"$scratch/good.md"
printf '# A page\n[nowhere](#another)\n' >"$scratch/no_anchor.md"
printf '# A page\n[nowhere](no/such/page.md)\n' >"$scratch/no_file.md"
check "links that lead somewhere" no_dead_links "$scratch/good.md"
check "a link to a heading that is not there is found" sh -c 'test "$1" = "#another"' sh "$(links "$scratch/no_anchor.md")"
check "a link to a page that is not there is found" sh -c 'test "$1" = no/such/page.md' sh "$(links "$scratch/no_file.md")"

# ---- the pages ---------------------------------------------------------------------------------------------------------

mkdir -p "$scratch/pages" "$scratch/fixture"
check "fixture.c compiles" compile "$here/fixture.c" "$scratch/make_fixture"
check "the fixture is made" sh -c 'cd "$1/fixture" && ../make_fixture && mkdir examples' sh "$scratch"
shorten <"$source/examples/tutorial.c" >"$scratch/fixture/examples/tutorial.c"
cat >"$scratch/resnet.pc" <<END
Name: resnet
Description: the build
Version: 0
Cflags: -I$source/include
Libs: $library -Wl,-rpath,$(dirname "$library")
END
export PKG_CONFIG_PATH="$scratch"
for page in "$source"/README.md "$source"/docs/*.md; do
    case $page in
    *.zh-CN.md) ;;
    *) check_page "$page" ;;
    esac
done
for page in "$source"/README*.md "$source"/docs/*.md; do
    check "$(basename "$page") has no dead link" no_dead_links "$page"
done
for page in "$source"/README.zh-CN.md "$source"/docs/*.zh-CN.md; do
    [ ! -f "$page" ] || check "$(basename "$page") has the blocks of the page in English" alike "${page%.zh-CN.md}.md" "$page"
done

conclude
