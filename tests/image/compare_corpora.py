#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Compares every picture of a folder of corpora with Pillow: verdict, size and CRC-32 of the RGB bytes of convert("RGB").

usage: compare_corpora.py PROGRAM FOLDER [TABLE]     PROGRAM is decode_pictures; each folder below FOLDER is a corpus

TABLE (path, bytes, format, mode, width, height, orientation, verdict, CRC-32; made by another Pillow) is compared as well. What differs has to have
a reason that reason() knows. Prints a line a corpus and each file that differs without one, of which a single one makes the exit status 1.
"""
import collections
import io
import os
import subprocess
import sys
import warnings
import zlib

from PIL import Image

warnings.simplefilter("ignore")
REFUSED = ("-", "-", "-")
UNREAD = {"GIF", "AVIF", "HEIF", "JPEG2000", "ICO", "ICNS", "TGA", "PSD", "DDS", "PCX", "SGI", "QOI"}


def picture_of(data):
    """The picture, or why there is none."""
    try:
        image = Image.open(io.BytesIO(data))
        image.load()
        return image, ""
    except Exception as error:
        return None, str(error)


def verdict(image):
    if image is None:
        return REFUSED
    rgb = image.convert("RGB")
    return str(rgb.width), str(rgb.height), "%08x" % zlib.crc32(rgb.tobytes())


def upper_bytes(image):
    wide = 4 if image.format == "TIFF" and image.tag_v2.get(258) == (12,) else 8
    grey = Image.frombytes("L", image.size, bytes(v >> wide & 255 for v in image.getdata()))
    return verdict(grey)


def png_is_damaged(data):
    """A chunk whose checksum is wrong, or the end is missing."""
    at = 8
    while at + 12 <= len(data):
        length, kind = int.from_bytes(data[at:at + 4], "big"), data[at + 4:at + 8]
        if zlib.crc32(data[at + 4:at + 8 + length]) != int.from_bytes(data[at + 8 + length:at + 12 + length], "big"):
            return True
        if kind == b"IEND":
            return False
        at += 12 + length
    return True


def reason(data, image, theirs, ours):
    """Why the two may differ; None: there is no reason that is known."""
    if image is None:
        return None
    if image.format in UNREAD:
        return "a format that is not read"
    if image.mode in ("I", "I;16", "I;16B") and ours == upper_bytes(image):
        return "greys of over 8 bits: upper bytes, where Pillow cuts off"
    if image.format == "PNG" and b"CgBI" in data[:64] and ours == REFUSED:
        return "Apple's private PNG, of which Pillow gives black"
    if image.format == "PNG" and png_is_damaged(data) and ours == REFUSED:
        return "a checksum is wrong, at which Pillow does not look"
    return None


def read_table(path):
    """By file: what the other Pillow said."""
    table = {}
    for line in open(path, encoding="utf-8"):
        column = line.rstrip("\n").split("\t")
        if not line.startswith("#"):
            table[column[0]] = (column[4], column[5], column[8]) if column[7] == "OK" else REFUSED
    return table


def corpora(folder):
    for directory, _, names in sorted(os.walk(folder)):
        for name in sorted(names):
            path = os.path.join(directory, name)
            relative = os.path.relpath(path, folder)
            if os.sep in relative:
                yield relative.split(os.sep)[0], relative, path


def main(program, folder, table=None):
    known = read_table(table) if table else {}
    files = [f for f in corpora(folder) if Image.registered_extensions().get(os.path.splitext(f[2])[1].lower()) or f[1] in known]
    answers = subprocess.run([program], input="".join(path + "\n" for _, _, path in files), capture_output=True, text=True, check=True).stdout.splitlines()
    counts, strange = collections.defaultdict(collections.Counter), []
    assert len(answers) == len(files)
    for (corpus, relative, path), answer in zip(files, answers):
        data, ours = open(path, "rb").read(), tuple(answer.split("\t"))
        image, _ = picture_of(data)
        theirs, before = verdict(image), known.get(relative)
        if before is not None and before != theirs:
            counts[corpus]["(the table's Pillow says otherwise)"] += 1
        if ours == theirs:
            counts[corpus]["refused by both" if ours == REFUSED else "equal"] += 1
            continue
        why = reason(data, image, theirs, ours)
        counts[corpus][why or "OTHERWISE"] += 1
        if why is None:
            strange.append("%s: Pillow %s, its table %s, ours %s" % (relative, theirs, before, ours))
    for corpus, found in counts.items():
        print("%s: %d files; %s" % (corpus, sum(n for k, n in found.items() if k[0] != "("), "; ".join("%d %s" % (n, k) for k, n in found.most_common())))
    print("\n".join(strange))
    return 1 if strange else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
