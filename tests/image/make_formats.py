#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Small PNM, WebP and TIFF files, and what Pillow makes of them.

usage: make_formats.py fixtures DIRECTORY            writes DIRECTORY/formats/*, and formats.tsv beside them
       make_formats.py compare PROGRAM DIRECTORY     compares PROGRAM (decode_pictures) with Pillow over files of all layouts, written to DIRECTORY

Needs a current Pillow (13). A line is a file, width, height and CRC-32 of the RGB bytes of convert("RGB"); "-" in their place where it is refused.
Of greys of 12 and 16 bits, which convert("RGB") cuts off at 255, it is of their upper 8 bits. Compressed big-endian greys of 32 bits are left out:
Pillow turns their bytes round twice.
"""
import io
import itertools
import os
import random
import struct
import subprocess
import sys
import zlib

from PIL import Image, ImageDraw

WIDTH, HEIGHT = 19, 13
GREY_WHITE_0, GREY, RGB, PALETTE, CMYK, YCBCR = 0, 1, 2, 3, 5, 6
SIGNED, FLOAT = 2, 3  # formats of samples
WIDE = {None: [0, 1, 2, 100, 254, 255, 256, 65535, 2**31 - 1, 2**31, 2**32 - 1], SIGNED: [0, 1, 99, 255, 256, 40000, -1, -200, 2**31 - 1, -2**31],
        FLOAT: [0.0, 0.25, 0.99, 1.0, 17.6, 128.7, 254.5, 254.99, 255.0, 300.0, 1e30, -3.0, -0.5]}


def scene(width=WIDTH, height=HEIGHT, seed=1):
    draw = random.Random(seed)
    image = Image.new("RGB", (width, height))
    image.putdata([(x * 255 // width, y * 255 // height, draw.randrange(256)) for y in range(height) for x in range(width)])
    ImageDraw.Draw(image).ellipse((3, 2, width // 2, height - 3), fill=(250, 40, 90))
    return image


# ---- TIFF ------------------------------------------------------------------------------------------------------------

def pack(samples, bits, order, kind=None):
    """Rows of samples to bytes."""
    if bits == 32:
        return struct.pack(order + "%d%s" % (len(samples), {None: "I", SIGNED: "i", FLOAT: "f"}[kind]), *samples)
    if bits == 16:
        return struct.pack(order + "%dH" % len(samples), *samples)
    if bits == 8:
        return bytes(samples)
    text = "".join(format(s, "0%db" % bits) for s in samples)
    text += "0" * (-len(text) % 8)
    return bytes(int(text[i:i + 8], 2) for i in range(0, len(text), 8))


def tiff(photometric, bits, samples, *, order="<", tile=None, rows=None, planar=1, deflate=False, extra=(), orientation=None, fill_order=1, big=False,
         kind=None, sub=None, width=WIDTH, height=HEIGHT, seed=2):
    """A TIFF of noise. tile: (width, height); rows: of a strip; kind: the format of samples; sub: (across, down), pixels that share a colour."""
    draw = random.Random(seed)
    number = (lambda: draw.choice(WIDE[kind])) if bits == 32 else (lambda: draw.randrange(1 << bits))
    values = [[[number() for _ in range(samples)] for _ in range(width)] for _ in range(height)]
    if extra and extra[0] == 1:  # colours that were multiplied by alpha are not greater than it
        for row in values:
            for v in row:
                v[:3] = [c * v[3] // ((1 << bits) - 1) for c in v[:3]]
    block_width, block_height = tile or (width, rows or height)
    blocks = []
    for plane in range(samples if planar == 2 else 1):
        for top in range(0, height, block_height):
            for left in range(0, width, block_width):
                data = b""
                for y in range(top, top + block_height if tile else min(height, top + block_height)):
                    line = []
                    for x in range(left, left + block_width):
                        v = values[y][x] if y < height and x < width else [0] * samples
                        line += [v[plane]] if planar == 2 else v
                    data += pack(line, bits, order, kind)
                if sub and sub != (1, 1):
                    lines = block_height if tile else min(height - top, block_height)
                    data = bytes(draw.randrange(256) for _ in range(-(-block_width // sub[0]) * -(-lines // sub[1]) * (sub[0] * sub[1] + 2)))
                data = zlib.compress(data) if deflate else data
                blocks.append(bytes(int(format(b, "08b")[::-1], 2) for b in data) if fill_order == 2 else data)
    tags = {256: (4, [width]), 257: (4, [height]), 258: (3, [bits] * samples), 259: (3, [8 if deflate else 1]), 262: (3, [photometric]),
            266: (3, [fill_order]), 277: (3, [samples]), 284: (3, [planar])}
    if photometric == PALETTE:
        tags[320] = (3, [draw.randrange(65536) for _ in range(3 << bits)])
    if kind:
        tags[339] = (3, [kind] * samples)
    if sub:
        tags[530] = (3, list(sub))
    if extra:
        tags[338] = (3, list(extra))
    if orientation:
        tags[274] = (3, [orientation])
    if tile:
        tags.update({322: (4, [tile[0]]), 323: (4, [tile[1]])})
    else:
        tags[278] = (4, [block_height])
    head = 16 if big else 8
    places = []
    at = head
    for b in blocks:
        places.append(at)
        at += len(b) + len(b) % 2
    tags[324 if tile else 273] = (4, places)
    tags[325 if tile else 279] = (4, [len(b) for b in blocks])
    body = b"".join(b + b"\0" * (len(b) % 2) for b in blocks)
    directory, further = b"", b""
    long, size = ("Q", 20) if big else ("I", 12)
    behind = head + len(body) + (8 if big else 2) + size * len(tags) + (8 if big else 4)
    for tag, (kind, numbers) in sorted(tags.items()):
        data = struct.pack(order + "%d%s" % (len(numbers), {3: "H", 4: "I"}[kind]), *numbers)
        directory += struct.pack(order + "HH" + long, tag, kind, len(numbers))
        if len(data) <= (8 if big else 4):
            directory += data.ljust(8 if big else 4, b"\0")
        else:
            directory += struct.pack(order + long, behind + len(further))
            further += data + b"\0" * (len(data) % 2)
    first = struct.pack(order + "HHHQ", 43, 8, 0, head + len(body)) if big else struct.pack(order + "HI", 42, head + len(body))
    count = struct.pack(order + ("Q" if big else "H"), len(tags))
    return (b"II" if order == "<" else b"MM") + first + body + count + directory + struct.pack(order + long, 0) + further, values


def layouts():
    """Names of files and arguments of tiff()."""
    kinds = {"bilevel": (GREY, 1, 1), "bilevel0": (GREY_WHITE_0, 1, 1), "grey2": (GREY, 2, 1), "grey4": (GREY, 4, 1), "grey40": (GREY_WHITE_0, 4, 1),
             "grey": (GREY, 8, 1), "grey0": (GREY_WHITE_0, 8, 1), "grey16": (GREY, 16, 1), "rgb": (RGB, 8, 3), "rgb16": (RGB, 16, 3),
             "palette1": (PALETTE, 1, 1), "palette4": (PALETTE, 4, 1), "palette": (PALETTE, 8, 1), "cmyk": (CMYK, 8, 4), "cmyk16": (CMYK, 16, 4)}
    for (name, kind), order in itertools.product(kinds.items(), "<>"):
        yield name + "_" + ("ii" if order == "<" else "mm"), kind, {"order": order, "rows": 5}
    for name in ("grey", "rgb", "palette", "cmyk", "rgb16", "bilevel", "grey4"):
        yield name + "_tiles", kinds[name], {"tile": (16, 16), "deflate": True}
    for name in ("rgb", "cmyk"):
        yield name + "_planes", kinds[name], {"planar": 2, "rows": 4}
        yield name + "_planes_deflate", kinds[name], {"planar": 2, "deflate": True}
    yield "rgb16_planes_deflate", kinds["rgb16"], {"planar": 2, "deflate": True}
    yield "rgb_planes_tiles", kinds["rgb"], {"planar": 2, "deflate": True, "tile": (16, 16)}
    for name, extra in (("x", 0), ("premultiplied", 1), ("alpha", 2)):
        yield "rgb_" + name, (RGB, 8, 4), {"extra": (extra,)}
        yield "rgb_deflate_" + name, (RGB, 8, 4), {"extra": (extra,), "deflate": True}
        yield "rgb16_" + name, (RGB, 16, 4), {"extra": (extra,)}
    yield "rgb_two_more", (RGB, 8, 5), {"extra": (2, 0)}
    yield "grey_alpha", (GREY, 8, 2), {"extra": (2,)}
    yield "palette_alpha", (PALETTE, 8, 2), {"extra": (2,)}
    yield "grey_fill", (GREY, 8, 1), {"fill_order": 2}
    yield "bilevel_fill_deflate", (GREY, 1, 1), {"fill_order": 2, "deflate": True}
    yield "rgb_big", (RGB, 8, 3), {"big": True, "deflate": True}
    for turn in range(1, 9):
        yield "turned%d" % turn, (RGB, 8, 3), {"orientation": turn, "rows": 3}
        yield "ycbcr_turned%d" % turn, (YCBCR, 8, 3), {"orientation": turn, "rows": 4, "deflate": True, "sub": (2, 2)}
    for order, deflate in itertools.product("<>", (False, True)):
        ending = ("_ii" if order == "<" else "_mm") + ("_deflate" if deflate else "")
        yield "rgb12" + ending, (RGB, 12, 3), {"order": order, "deflate": deflate}  # this and some others are refused
        yield "rgb32f" + ending, (RGB, 32, 3), {"order": order, "deflate": deflate, "kind": FLOAT}
        yield "grey8i" + ending, (GREY, 8, 1), {"order": order, "deflate": deflate, "kind": SIGNED}
        yield "grey12" + ending, (GREY, 12, 1), {"order": order, "deflate": deflate, "rows": 4}
        for width in () if order == ">" and deflate else (16, 32):
            yield "grey%di" % width + ending, (GREY, width, 1), {"order": order, "deflate": deflate, "kind": SIGNED, "rows": 4}
        for kind in () if order == ">" and deflate else (None, FLOAT):
            yield "grey32" + ("f" if kind else "u") + ending, (GREY, 32, 1), {"order": order, "deflate": deflate, "kind": kind, "rows": 4}
        for sub in ((1, 1), (2, 1), (2, 2), (4, 2)):
            yield "ycbcr%d%d" % sub + ending, (YCBCR, 8, 3), {"order": order, "deflate": deflate, "sub": sub, "rows": 4}
    yield "grey32f_tiles", (GREY, 32, 1), {"kind": FLOAT, "tile": (16, 16), "deflate": True}
    yield "grey12_tiles", (GREY, 12, 1), {"tile": (16, 16), "deflate": True}
    yield "ycbcr11_tiles", (YCBCR, 8, 3), {"sub": (1, 1), "tile": (16, 16)}
    yield "ycbcr22_tiles", (YCBCR, 8, 3), {"sub": (2, 2), "tile": (16, 16), "deflate": True}


KEPT = ["bilevel0_ii", "grey4_mm", "grey16_ii", "grey16_mm", "rgb16_mm", "palette4_ii", "cmyk_ii", "cmyk16_mm", "rgb_tiles", "bilevel_tiles",
        "rgb_planes", "rgb_planes_tiles", "rgb_premultiplied", "rgb16_alpha", "palette_alpha", "bilevel_fill_deflate", "rgb_big", "turned6", "turned7",
        "grey12_ii", "grey12_mm", "grey32u_ii", "grey32i_mm", "grey32f_ii_deflate", "grey16i_mm", "grey8i_ii", "rgb32f_ii", "ycbcr11_ii", "ycbcr21_ii",
        "ycbcr22_mm_deflate", "ycbcr22_tiles", "ycbcr_turned6"]


def pillow_tiffs():
    image = scene()
    for name, mode, options in (("lzw", "RGB", {"compression": "tiff_lzw"}), ("packbits", "L", {"compression": "packbits"}),
                                ("group4", "1", {"compression": "group4"}), ("jpeg", "RGB", {"compression": "jpeg"}),
                                ("jpeg_grey", "L", {"compression": "jpeg"}), ("deflate_predictor", "RGB", {"compression": "tiff_adobe_deflate",
                                                                                                         "tiffinfo": {317: 2}})):
        file = io.BytesIO()
        image.convert(mode).save(file, "TIFF", **options)
        yield name + ".tif", file.getvalue()


# ---- WebP and PNM ----------------------------------------------------------------------------------------------------

def webps():
    image, other = scene(32, 21), scene(32, 21, 5)
    alpha = image.copy()
    alpha.putalpha(scene(32, 21, 7).getchannel("B"))
    for name, picture, options in (("lossy", image, {"quality": 80}), ("lossless", image, {"lossless": True}), ("alpha", alpha, {"quality": 70}),
                                   ("alpha_lossless", alpha, {"lossless": True, "exact": True}),
                                   ("animated", image, {"save_all": True, "append_images": [other], "lossless": True})):
        file = io.BytesIO()
        picture.save(file, "WebP", **options)
        yield name + ".webp", file.getvalue()
    # A frame that is smaller than its canvas: the first chunk's canvas made larger by 8 and 6, the frame moved by 2 and 4.
    file = io.BytesIO()
    image.save(file, "WebP", save_all=True, append_images=[other], lossless=True)
    data = bytearray(file.getvalue())
    data[24:27], data[27:30] = (32 + 8 - 1).to_bytes(3, "little"), (21 + 6 - 1).to_bytes(3, "little")
    frame = data.index(b"ANMF") + 8
    data[frame:frame + 3], data[frame + 3:frame + 6] = (1).to_bytes(3, "little"), (2).to_bytes(3, "little")
    yield "animated_part.webp", bytes(data)


def pnms():
    draw = random.Random(9)
    def plain(count, most):
        return b" ".join(b"%d" % draw.randint(0, most) for _ in range(count))
    def raw(count, most):
        return b"".join(draw.randint(0, most).to_bytes(2 if most > 255 else 1, "big") for _ in range(count))
    size = b"%d %d\n" % (WIDTH, HEIGHT)
    pixels = WIDTH * HEIGHT
    yield "plain.pbm", b"P1\n# a comment\n" + size + b"".join(b"%d%s" % (draw.randrange(2), b"\n" if i % 40 == 39 else b"") for i in range(pixels))
    yield "plain.pgm", b"P2 " + size + b"100\n" + plain(pixels, 100)
    yield "plain.ppm", b"P3\n%d#w\n %d # h\n#\n255 " % (WIDTH // 10, HEIGHT) + plain(HEIGHT * 3 * int("%d" % (WIDTH // 10)), 255) + b"#end"
    yield "raw.pbm", b"P4 " + size + raw((WIDTH + 7) // 8 * HEIGHT, 255)
    yield "raw.pgm", b"P5\t" + size + b"255\n" + raw(pixels, 255)
    yield "raw100.pgm", b"P5 " + size + b"100 " + raw(pixels, 120)
    yield "raw.ppm", b"P6\n" + size + b"255\n" + raw(pixels * 3, 255) + b"behind it"
    yield "raw1000.ppm", b"P6\n" + size + b"1000\n" + raw(pixels * 3, 1000)
    yield "deep.pgm", b"P5 " + size + b"65535\n" + raw(pixels, 65535)
    yield "deep1000.pgm", b"P5 " + size + b"1000\n" + raw(pixels, 1000)
    yield "deep_plain.pgm", b"P2 " + size + b"1000\n" + plain(pixels, 1000)


# ---- answers ---------------------------------------------------------------------------------------------------------

def answer(data):
    try:
        image = Image.open(io.BytesIO(data))
        tags = image.tag_v2 if image.format == "TIFF" else {}
        if tags.get(262) == YCBCR and tags[259] == 1 and tags.get(530) != (1, 1):
            return "-\t-\t-"  # pixels that share a colour are taken for pixels that do not, if there are bytes enough
        image.load()
        if image.mode in ("I;16", "I;16B") or (image.mode == "I" and image.format != "TIFF"):
            shift = 4 if image.format == "TIFF" and image.tag_v2[258] == (12,) else 8
            image = Image.frombytes("L", image.size, bytes(v >> shift for v in image.getdata()))
        image = image.convert("RGB")
    except Exception:
        return "-\t-\t-"
    return "%d\t%d\t%08x" % (image.width, image.height, zlib.crc32(image.tobytes()))


def files(all_layouts):
    for name, kind, options in layouts():
        if all_layouts or name in KEPT:
            yield name + ".tif", tiff(*kind, **options)[0]
    yield from pillow_tiffs()
    yield from webps()
    yield from pnms()


def write(directory, all_layouts):
    os.makedirs(directory, exist_ok=True)
    found = []
    for name, data in files(all_layouts):
        with open(os.path.join(directory, name), "wb") as f:
            f.write(data)
        found.append((name, answer(data)))
    return found


def drafts(directory):
    """JPEG, width and height asked for, and the picture after draft; then the shorter side as Resize makes it of that."""
    from torchvision.transforms import functional as F
    with open(directory + "/drafts.tsv", "w") as f:
        for name in ("rgb420.jpg", "rgb444.jpg", "rgb422.jpg", "grey.jpg", "cmyk.jpg", "progressive.jpg"):
            for size in ((1, 1), (5, 3), (8, 8), (12, 12), (16, 20), (30, 30), (500, 1)):
                image = Image.open(os.path.join(directory, name))
                image.draft("RGB", size)
                image = image.convert("RGB")
                small = F.resize(image, min(size))
                f.write("%s\t%d\t%d\t%d\t%d\t%08x\t%d\t%d\t%08x\n" % (name, *size, *image.size, zlib.crc32(image.tobytes()), *small.size,
                                                                     zlib.crc32(small.tobytes())))


if sys.argv[1] == "fixtures":
    lines = write(sys.argv[2] + "/formats", False)
    with open(sys.argv[2] + "/formats.tsv", "w") as f:
        f.writelines("%s\t%s\n" % line for line in lines)
    drafts(sys.argv[2])
else:
    lines = write(sys.argv[3], True)
    got = subprocess.run([sys.argv[2]], input="".join(os.path.join(sys.argv[3], n) + "\n" for n, _ in lines), capture_output=True, text=True,
                         check=True).stdout.splitlines()
    wrong = [(n, theirs, ours) for (n, theirs), ours in zip(lines, got) if theirs != ours]
    for line in wrong:
        print("%s: Pillow %s, ours %s" % tuple(repr(x) for x in line))
    print("%d of %d files are the same" % (len(lines) - len(wrong), len(lines)))
    sys.exit(1 if wrong or len(got) != len(lines) else 0)
