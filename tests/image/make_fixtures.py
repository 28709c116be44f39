#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Makes the pictures in fixtures/ and expected.tsv: what Pillow 9.4 and torchvision 0.14 make of them.

usage: make_fixtures.py [DIRECTORY]    (Debian 12: python3-pil, python3-torchvision)

Every line of expected.tsv is an operation, the picture, its numbers, and width, height and CRC-32 of the RGB bytes that
come out (of "floats": of the float32 bytes, channels last). The picture is made up: curves, edges and noise, all from
whole numbers.
"""
import io
import struct
import sys
import zlib

import numpy
from PIL import Image
from torchvision import transforms
from torchvision.transforms import functional

out = (sys.argv[1] if len(sys.argv) > 1 else "fixtures") + "/"
lines = []


def scene(width, height, seed):
    y, x = numpy.mgrid[0:height, 0:width].astype(numpy.int64)
    state = (x * 1103515245 + y * 12345 + seed) * 2654435761 % 2**32
    noise = (state >> 20) % 24
    red = (x * 7 + y * 3) % 230 + noise
    green = ((x - width // 2) ** 2 + (y - height // 2) ** 2) // 9 % 231 + noise
    blue = numpy.where((x // 11 + y // 13) % 2 == 0, 12, 220) + noise
    return Image.fromarray(numpy.stack([red, green, blue], 2).astype(numpy.uint8), "RGB")


def crc(image):
    return "%08x" % zlib.crc32(image.convert("RGB").tobytes())


def expect(operation, name, numbers, image):
    text = " ".join("%.15g" % n for n in numbers) or "-"
    lines.append("\t".join([operation, name, text, str(image.width), str(image.height), crc(image)]))


def add(name, data, same_as=None):
    with open(out + name, "wb") as f:
        f.write(data)
    expect("decode", name, [], Image.open(io.BytesIO(same_as or data)))


def save(name, image, form, **options):
    data = io.BytesIO()
    image.save(data, form, **options)
    add(name, data.getvalue())


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width, height, depth, colour, rows, interlace=0, extra=b""):
    """A PNG by hand, for what Pillow does not write. rows: bytes of every row of every pass, unfiltered."""
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    body = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def passes(pixels):
    """Adam7's rows of an array (height, width, bytes)."""
    for y0, x0, dy, dx in [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]:
        for row in pixels[y0::dy, x0::dx]:
            if row.size:
                yield row.tobytes()


def codecs():
    small = scene(61, 47, 1)
    alpha = Image.fromarray(numpy.dstack([numpy.asarray(small), numpy.asarray(small)[:, :, 0]]), "RGBA")
    paletted = small.quantize(60)
    save("rgb.png", small, "PNG")
    save("rgba.png", alpha, "PNG")
    save("grey.png", small.convert("L"), "PNG")
    save("grey_alpha.png", alpha.convert("LA"), "PNG")
    save("bilevel.png", small.convert("1"), "PNG")
    save("palette.png", paletted, "PNG")
    save("palette_transparent.png", small.quantize(13), "PNG", transparency=3)
    sixteen = numpy.asarray(small).astype(numpy.uint16) * 256 + 77
    add("rgb16.png", png(61, 47, 16, 2, [row.astype(">u2").tobytes() for row in sixteen]))
    # Pillow cuts 16-bit greys off at 255; the upper bytes are read here, and no line says otherwise.
    with open(out + "grey16.png", "wb") as f:
        f.write(png(5, 3, 16, 0, [struct.pack(">5H", *((40 * (5 * y + x) + 1) * 100 + 7 for x in range(5))) for y in range(3)]))
    add("interlaced.png", png(61, 47, 8, 2, passes(numpy.asarray(small)), 1))
    add("palette4.png", png(61, 47, 4, 3, [bytes((x + y) % 16 * 17 for x in range(31)) for y in range(47)],
                            0, chunk(b"PLTE", bytes(range(10, 58)))))
    # Pillow 9.4 continues it with greys, Pillow 13 with black.
    add("palette_short.png", *(png(61, 47, 4, 3, [bytes((x + y) % 16 * 17 for x in range(31)) for y in range(47)],
                                   0, chunk(b"PLTE", bytes(range(10, 40)) + more)) for more in (b"", bytes(18))))
    save("rgb.bmp", small, "BMP")
    save("grey.bmp", small.convert("L"), "BMP")
    save("palette.bmp", paletted, "BMP")
    save("bilevel.bmp", small.convert("1"), "BMP")
    save("rgb420.jpg", small, "JPEG", quality=85)
    save("rgb444.jpg", small, "JPEG", quality=92, subsampling=0)
    save("rgb422.jpg", small, "JPEG", quality=70, subsampling=1)
    save("progressive.jpg", small, "JPEG", quality=80, progressive=True)
    save("optimised.jpg", small, "JPEG", quality=60, optimize=True)
    save("grey.jpg", small.convert("L"), "JPEG", quality=85)
    save("cmyk.jpg", small.convert("CMYK"), "JPEG", quality=90)
    exif = Image.Exif()
    exif[0x0112] = 6
    save("turned.jpg", small, "JPEG", quality=80, exif=exif)
    save("tiny.jpg", scene(1, 1, 5), "JPEG")


def geometry(image, square):
    name, squares = "scene.png", "square.png"
    for height, width in [(97, 131), (50, 60), (33, 131), (97, 40), (1, 1), (200, 300), (97, 132), (96, 131), (64, 64),
                          (98, 33), (13, 17), (300, 5), (49, 66)]:
        expect("resize", name, [height, width], image.resize((width, height), Image.BILINEAR))
    for size in [1, 32, 64, 96, 97, 98, 150]:
        expect("shorter", name, [size], functional.resize(image, size))
    for size in [(64, 64), (97, 131), (96, 130), (95, 129), (1, 1), (2, 2), (97, 50), (50, 131), (150, 150), (98, 60), (60, 132), (99, 134)]:
        expect("crop", name, size, functional.center_crop(image, size))
    angles = [0, 90, 180, -90, -180, 45, -45, 0.001, 13.37, 179.999, 30, 60, 120, 150, -30, 1e-9]
    angles += [round((k * 7919 % 3600) / 10 - 180, 1) for k in range(1, 25)]
    for angle in angles:
        expect("rotate", name, [angle], functional.rotate(image, angle))
        expect("rotate", squares, [angle], functional.rotate(square, angle))
    expect("mirror", name, [], functional.hflip(image))
    expect("mirror", squares, [], functional.hflip(square))
    expect("upside", name, [], functional.vflip(image))
    expect("upside", squares, [], functional.vflip(square))


def colour(image):
    name = "colours.png"
    for factor in [0, 0.25, 0.5, 0.8, 0.8999, 1, 1.0001, 1.1, 1.2, 1.7, 2.5, 40]:
        expect("brightness", name, [factor], functional.adjust_brightness(image, factor))
        expect("contrast", name, [factor], functional.adjust_contrast(image, factor))
        expect("saturation", name, [factor], functional.adjust_saturation(image, factor))
    for turn in [0, 0.001, -0.001, 0.1, -0.1, 0.25, -0.25, 0.3333, -0.4, 0.5, -0.5]:
        expect("hue", name, [turn], functional.adjust_hue(image, turn))
    expect("greyscale", name, [], functional.rgb_to_grayscale(image, 3))


def pipelines(image):
    normalise = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    for size, crop, normalised in [(80, 64, True), (64, 80, True), (97, 64, False), (48, 48, True)]:
        steps = [transforms.Resize(size), transforms.CenterCrop(crop), transforms.ToTensor()] + [normalise] * normalised
        floats = transforms.Compose(steps)(image).permute(1, 2, 0).contiguous().numpy()
        lines.append("\t".join(["floats", "scene.png", "%d %d %d" % (size, crop, normalised), str(crop), str(crop),
                                "%08x" % zlib.crc32(floats.astype("<f4").tobytes())]))


def every_colour():
    """Colours in all corners of HSV, greys, and near-greys, that rounding treats differently."""
    steps = [0, 1, 2, 31, 63, 64, 100, 127, 128, 129, 180, 220, 253, 254, 255]
    pixels = [(r, g, b) for r in steps for g in steps for b in steps]
    return Image.fromarray(numpy.array(pixels, numpy.uint8).reshape(45, 75, 3), "RGB")


codecs()
wide = scene(131, 97, 2)
save("scene.png", wide, "PNG")
box = scene(40, 40, 3)
save("square.png", box, "PNG")
corners = every_colour()
save("colours.png", corners, "PNG")
geometry(wide, box)
colour(corners)
pipelines(wide)
with open(out + "expected.tsv", "w") as f:
    f.write("\n".join(lines) + "\n")
