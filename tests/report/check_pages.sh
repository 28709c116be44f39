#!/bin/sh
# SPDX-License-Identifier: MIT
# Pages that make_pages writes: well-formed, without a way out, and alive in a browser. check_pages.sh MAKE_PAGES
#
# Well-formedness is judged by Python's XML parser (all markup is XML, too), life by a headless Chromium: no complaint in its console, tables that
# are sorted, a matrix that tells its numbers, and no page wider than a phone. Where either is missing, its part is skipped.
set -u
. "$(dirname "$0")/../support/verdict.sh"
pages=$scratch/pages
mkdir "$pages"

"$1" "$pages" >"$pages/log" 2>&1 || { cat "$pages/log"; exit 1; }
[ "$(ls "$pages"/*.html | wc -l)" -ge 6 ]; verdict "there are pages" $?

# What a browser would fetch or follow: only data and places within the page. Names that hold such things are escaped text, without quotes.
grep -hoE '(src|href)="[^"]*"|url\([^)]*\)|@import' "$pages"/*.html "$pages"/*.svg | grep -vE '^(src="data:image/(jpeg|png);base64,|href="data:,"|href="#[a-z]+")' >"$pages/out"
head -5 "$pages/out"
[ ! -s "$pages/out" ]; verdict "no page points out of itself" $?

for page in "$pages"/*.html; do
    [ "$(wc -c <"$page")" -lt 2097152 ] || echo "$page is too large" >>"$pages/large"
done
[ ! -e "$pages/large" ]; verdict "pages keep to their size" $?

if command -v python3 >/dev/null; then
    python3 - "$pages"/*.html "$pages"/*.svg <<'PYTHON'
import sys
import xml.etree.ElementTree as tree

allowed_handlers = set()
for path in sys.argv[1:]:
    root = tree.parse(path).getroot()
    ids = [e.get("id") for e in root.iter() if e.get("id")]
    assert len(ids) == len(set(ids)), f"{path}: an id is there twice"
    for element in root.iter():
        for name, value in element.attrib.items():
            assert not name.startswith("on"), f"{path}: <{element.tag} {name}=...>"
            if name in ("aria-labelledby", "href") and value[0] in "#c":
                assert value.lstrip("#") in ids, f"{path}: {value} is nowhere"
    tags = [e.tag for e in root.iter()]
    if path.endswith(".html"):
        assert tags.count("script") == 1 and tags.count("h1") == 1, path
        assert all(e.find("caption") is not None for e in root.iter("table")), f"{path}: a table without a caption"
        assert all(e.get("scope") in ("row", "col") for e in root.iter("th")), f"{path}: a header without a scope"
        assert all(e.get("alt") is not None for e in root.iter("img")), f"{path}: an image without alt"
    widths = {tuple(len(row) for row in table.iter("tr")) for table in root.iter("table")}
    assert all(len(set(rows)) == 1 for rows in widths), f"{path}: rows of other lengths"
PYTHON
    verdict "pages and curves are well-formed, with ids, headers and captions in order" $?
else
    skip "no python3: whether pages are well-formed"
fi

browser=
for name in chromium chromium-browser google-chrome; do
    command -v $name >/dev/null && browser=$name && break
done

look() # PAGE: its document after the script below has played with it, and what the console said
{
    # Behind the page's own script: squeezed to a phone's width, every header pressed, the pointer on the first cell.
    sed 's|</body></html>||' "$1" >"$pages/played.html"
    cat >>"$pages/played.html" <<'SCRIPT'
<script>
document.documentElement.style.width = '375px';
const played = [], wide = document.body.scrollWidth;
played.push(wide > document.body.clientWidth ? 'WIDE ' + wide : 'NARROW');
const table = document.querySelector('table.sort');
if (table) {
    const column = i => [...table.tBodies[0].rows].map(r => parseFloat(r.cells[i].textContent));
    const button = table.querySelectorAll('th button')[6];
    button.click();
    const up = column(6);
    button.click();
    const down = column(6);
    played.push(up.every((v, i) => i == 0 || v >= up[i - 1]) && down.every((v, i) => i == 0 || v <= down[i - 1]) ? 'SORTED' : 'UNSORTED');
}
const drawn = document.getElementById('heat');
if (drawn) {
    const box = drawn.getBoundingClientRect(), s = drawn.dataset.s, m = drawn.dataset.m, f = box.width / (+m + s * drawn.dataset.c);
    drawn.dispatchEvent(new PointerEvent('pointermove', { clientX: box.left + (+m + s / 2) * f, clientY: box.top + (+m + s / 2) * f }));
    played.push(document.querySelector('output').textContent.includes('1 recognised: ') ? 'TOLD' : 'SILENT');
}
document.title = 'PLAYED ' + played.join(' ');
</script></body></html>
SCRIPT
    timeout 60 "$browser" --headless --no-sandbox --disable-gpu --enable-logging=stderr --user-data-dir="$pages/profile" --window-size=500,800 \
        --dump-dom "file://$pages/played.html" 2>"$pages/stderr" >"$pages/dom"
    grep CONSOLE "$pages/stderr"
    sed -n 's|.*<title>\(PLAYED [^<]*\)</title>.*|\1|p' "$pages/dom"
}

if [ -n "$browser" ]; then
    for page in 2:"NARROW SORTED" 102:"NARROW SORTED TOLD" 1000:"NARROW SORTED TOLD" hostile:"NARROW SORTED TOLD" run:NARROW; do
        said=$(look "$pages/${page%%:*}.html")
        [ "$said" = "PLAYED ${page#*:}" ] || echo "$said"
        [ "$said" = "PLAYED ${page#*:}" ]; verdict "${page%%:*}.html lives in a browser" $?
    done
else
    skip "no Chromium: whether pages live in a browser"
fi

conclude
