#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Makes fixtures/bitmaps.tsv: small BMP files of every kind, and what Pillow makes of them.

usage: make_bitmaps.py [DIRECTORY]    (Pillow 13 or newer: older ones take run lengths for cut short)

A line is a name, the file in hexadecimal, and either width, height and CRC-32 of the RGB bytes, or "refused". Names that
begin with "beyond" are of files that Pillow refuses though the format allows them (it takes an empty row for none): there the
pixels are worked out here.
"""
import io
import random
import struct
import sys
import zlib

from PIL import Image

out = (sys.argv[1] if len(sys.argv) > 1 else "fixtures") + "/"
draw = random.Random(11)
lines = []


def header(size, width, height, bits, compression=0, colours=0, masks=b""):
    if size == 12:
        return struct.pack("<IHHHH", 12, width, height, 1, bits)
    head = struct.pack("<IIiHHIIIIII", size, width, height, 1, bits, compression, 0, 2835, 2835, colours, 0)
    return (head + (masks if size > 40 else b"")).ljust(size, b"\0")[:size] + (masks[:12] if size == 40 else b"")


def bitmap(head, palette, pixels, offset=None, gap=b""):
    start = 14 + len(head) + len(palette) + len(gap) if offset is None else offset
    body = head + palette + gap + pixels
    return b"BM" + struct.pack("<IHHI", 14 + len(body), 0, 0, start) + body


def pillow(data):
    try:
        image = Image.open(io.BytesIO(data)).convert("RGB")
        return "%d\t%d\t%08x" % (image.width, image.height, zlib.crc32(image.tobytes()))
    except Exception:
        return "refused"


def add(name, data, answer=None):
    got = pillow(data)
    if answer is not None:
        assert got == "refused" and name.startswith("beyond"), name
    lines.append("\t".join([name, data.hex(), answer or got]))


def noise(count):
    return bytes(draw.randrange(256) for _ in range(count))


def rows(width, height, bits):
    return noise((width * bits + 31) // 32 * 4 * height)


def palette(colours, entry):
    return b"".join(noise(3) + b"\0" * (entry - 3) for _ in range(colours))


def plain():
    for size in (12, 40, 52, 56, 64, 108, 124):
        for bits in (1, 4, 8, 16, 24, 32):
            width, height = draw.randrange(1, 11), draw.randrange(1, 5)
            colours = 0 if bits > 8 else 2 ** bits if size == 12 or bits < 8 else draw.choice([256, 77])
            colour_table = palette(colours, 3 if size == 12 else 4)
            pixels = rows(width, height, bits)
            for way in (1,) if size == 12 else (1, -1):
                add("header%d bits%d %+d" % (size, bits, way),
                    bitmap(header(size, width, way * height, bits, colours=colours), colour_table, pixels))


def palettes():
    grey = b"".join(bytes([i, i, i, 0]) for i in range(256))
    for name, bits, colours, table in [("greys", 8, 0, grey), ("few greys", 8, 50, grey[:200]), ("black and white", 1, 0, b"\0\0\0\0\xff\xff\xff\0"),
                                       ("white and black", 1, 2, b"\xff\xff\xff\0\0\0\0\0"), ("three colours", 4, 3, palette(3, 4)),
                                       ("one colour", 8, 1, palette(1, 4)), ("five colours", 8, 5, palette(5, 4))]:
        add("palette of " + name, bitmap(header(40, 7, 3, bits, colours=colours), table, rows(7, 3, bits)))
    table = palette(16, 4)
    add("palette forgotten in the offset", bitmap(header(40, 9, 2, 4), table, rows(9, 2, 4), offset=54))
    add("offset 0", bitmap(header(40, 9, 2, 4), table, rows(9, 2, 4), offset=0))
    add("gap before the pixels", bitmap(header(40, 9, 2, 4), table, rows(9, 2, 4), gap=b"gap"))
    add("palette too large", bitmap(header(40, 3, 2, 8, colours=300), palette(300, 4), rows(3, 2, 8)))
    add("palette of no end", bitmap(header(40, 3, 2, 8, colours=70000), b"", rows(3, 2, 8)))


def masks():
    known = {32: [(0xff0000, 0xff00, 0xff, 0), (0xff000000, 0xff0000, 0xff00, 0), (0xff000000, 0xff00, 0xff, 0),
                  (0xff000000, 0xff0000, 0xff00, 0xff), (0xff, 0xff00, 0xff0000, 0xff000000), (0xff0000, 0xff00, 0xff, 0xff000000),
                  (0xff000000, 0xff00, 0xff, 0xff0000), (0, 0, 0, 0)],
             24: [(0xff0000, 0xff00, 0xff, 0)], 16: [(0xf800, 0x7e0, 0x1f, 0), (0x7c00, 0x3e0, 0x1f, 0)]}
    for bits, sets in known.items():
        for number, values in enumerate(sets):
            for size in (40, 52, 56, 108, 124):
                if size <= 52 and values[3] != 0:
                    continue
                head = header(size, 6, -3 if number % 2 else 3, bits, 3, masks=struct.pack("<4I", *values))
                add("masks%d.%d header%d" % (bits, number, size), bitmap(head, b"", rows(6, 3, bits)))
    head = header(56, 5, 4, 32, 3, masks=struct.pack("<4I", 0xff, 0xff00, 0xff0000, 0xff000000))
    add("masks header56 offset82", bitmap(head, b"", rows(5, 4, 32), gap=struct.pack("<3I", 0xff, 0xff00, 0xff0000)))
    for bits, values in [(32, (0x3ff00000, 0xffc00, 0x3ff)), (32, (0xff00, 0xff, 0xff0000)), (16, (0xf00, 0xf0, 0xf)), (16, (0xe000, 0x1c00, 0x3ff))]:
        pixels, step = rows(4, 2, bits), bits // 8
        rgb = b""
        for y in (1, 0):
            for x in range(4):
                at = y * ((4 * bits + 31) // 32 * 4) + x * step
                pixel = int.from_bytes(pixels[at:at + step], "little")
                for mask in values:
                    low = mask & -mask
                    rgb += bytes([(pixel & mask) // low * 255 // (mask // low)])
        add("beyond masks%d %x" % (bits, values[0]), bitmap(header(40, 4, 2, bits, 3, masks=struct.pack("<4I", *values, 0)), b"", pixels),
            "4\t2\t%08x" % zlib.crc32(rgb))
    for bits, values in [(16, (0xf800, 0x7e0, 0x3f)), (16, (0xf800, 0, 0x1f)), (32, (0xff0000, 0xf0f0, 0xf)), (16, (0xff0000, 0xff00, 0xff)),
                         (16, (0, 0, 0)), (8, (0xe0, 0x1c, 3))]:
        add("masks of nonsense%d %x" % (bits, values[2]), bitmap(header(40, 4, 2, bits, 3, masks=struct.pack("<4I", *values, 0)), b"", rows(4, 2, bits)))


def literal(form, values):
    """An absolute run, padded to 16 bits."""
    if form == 2:
        packed = bytes(a * 16 + b for a, b in zip(values[::2], values[1::2] + [0]))
    else:
        packed = bytes(values)
    return bytes([0, len(values)]) + packed + b"\0" * (len(packed) % 2)


def runs():
    for form, bits in ((1, 8), (2, 4)):
        table = palette(2 ** bits, 4)
        top = 2 ** bits

        def add_runs(name, width, height, codes, start=table):
            add("rle%d %s" % (bits, name), bitmap(header(40, width, height, bits, form, colours=len(start) // 4), start, codes))

        def one(count):
            return bytes([count, draw.randrange(256)])

        line = b"\0\0"
        add_runs("runs", 10, 3, one(10) + line + one(4) + one(6) + line + one(3) + one(7) + b"\0\1")
        add_runs("no end", 10, 2, one(10) + line + one(10))
        add_runs("no end of rows", 10, 2, one(10) + line + one(4))
        add_runs("literals", 11, 3, b"".join(literal(form, [draw.randrange(top) for _ in range(11)]) + line for _ in range(3)) + b"\0\1")
        add_runs("literals of 3, 4, 5", 12, 2, b"".join(literal(form, [draw.randrange(top) for _ in range(n)]) for n in (3, 4, 5)) + line + one(12) + b"\0\1")
        add_runs("short rows", 9, 3, one(4) + line + literal(form, [1] * 5) + line + one(9) + line + b"\0\1")
        blank = bytes([table[2], table[1], table[0]]) * 27
        add("beyond rle%d empty rows" % bits, bitmap(header(40, 9, 3, bits, form, colours=top), table, line * 3 + b"\0\1"),
            "9\t3\t%08x" % zlib.crc32(blank))
        add_runs("jumps", 9, 4, one(3) + b"\0\2\2\1" + one(2) + line + b"\0\2\4\0" + one(5) + line + one(9) + b"\0\1")
        add_runs("a jump to the end", 9, 4, one(3) + b"\0\2\6\3")
        add_runs("a jump beyond the end", 9, 4, one(3) + b"\0\2\377\377")
        add_runs("a run beyond its row", 6, 3, one(200) + line + one(6) + line + one(7) + b"\0\1")
        add_runs("a literal beyond its row", 6, 2, literal(form, [draw.randrange(top) for _ in range(9)]) + one(9) + b"\0\1")
        add_runs("a literal beyond the end", 6, 2, literal(form, [draw.randrange(top) for _ in range(15)]))
        add_runs("ends early", 6, 3, one(6) + line + one(6) + b"\0\1")
        add_runs("cut short", 6, 3, one(6) + line + one(5))
        add_runs("cut in a literal", 6, 1, literal(form, [1] * 6)[:3])
        add_runs("cut in a jump", 6, 2, one(6) + b"\0\2\1")
        add_runs("top down", 7, -2, one(7) + line + one(3) + one(4) + b"\0\1")
        add_runs("an odd place", 7, 2, literal(form, [1, 2, 3]) + one(4) + line + literal(form, [3, 2, 1, 0, 1]) + one(2) + b"\0\1", palette(top - 1, 4))
        add_runs("of 24 bits", 4, 1, one(4), b"") if form == 1 else None


def cut():
    data = bitmap(header(40, 5, 3, 24), b"", rows(5, 3, 24))
    add("last padding missing", data[:-1])
    add("last pixel missing", data[:-2])
    add("header cut", data[:40])
    add("unknown header", data[:14] + struct.pack("<I", 41) + data[18:])
    for number, name in [(4, "JPEG"), (5, "PNG"), (6, "6"), (11, "CMYK")]:
        add("compressed as " + name, data[:30] + struct.pack("<I", number) + data[34:])
    add("no width", bitmap(header(40, 0, 3, 24), b"", b""))
    add("no height", bitmap(header(40, 3, 0, 24), b"", b""))


plain()
palettes()
masks()
runs()
cut()
with open(out + "bitmaps.tsv", "w") as f:
    f.write("\n".join(lines) + "\n")
