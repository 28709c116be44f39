#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What torchvision and Pillow make of pictures, for the same parameters.

usage: make_transforms.py fixtures DIRECTORY       writes DIRECTORY/transforms.tsv and strengths.tsv (from DIRECTORY/scene.png, square.png, colours.png)
       make_transforms.py compare PROGRAM PICTURE...  compares PROGRAM (transform_pictures) over pictures, 50 draws of each operation

Needs a current torchvision and Pillow (0.26 and 12 or newer). A line is an operation, a picture, numbers (tests/image/operations.c
says which), width, height and CRC-32 of the RGB bytes.
"""
import collections
import math
import random
import subprocess
import sys
import zlib

from PIL import Image
from torchvision.transforms import InterpolationMode, autoaugment, functional as F

FILTERS = [Image.NEAREST, Image.BILINEAR, Image.BICUBIC, Image.BOX, Image.HAMMING, Image.LANCZOS]
MODES = [InterpolationMode.NEAREST, InterpolationMode.BILINEAR]
BEYOND = ["constant", "edge", "reflect", "symmetric"]
AUGMENTATIONS = ["Identity", "ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Brightness", "Color", "Contrast",
                 "Sharpness", "Posterize", "Solarize", "AutoContrast", "Equalize"]


def crop(image, top, left, height, width, fill):
    left_pad, top_pad = max(0, -left), max(0, -top)
    right_pad, bottom_pad = max(0, left + width - image.width), max(0, top + height - image.height)
    padded = F.pad(image, [left_pad, top_pad, right_pad, bottom_pad], fill=fill)
    return F.crop(padded, top + top_pad, left + left_pad, height, width)


OPERATIONS = {
    "resize": lambda i, n: i.resize((int(n[1]), int(n[0])), FILTERS[int(n[2])]),
    "crop": lambda i, n: crop(i, *map(int, n[:4]), tuple(map(int, n[4:7]))),
    "extend": lambda i, n: F.pad(F.pad(i, [int(n[0])] * 4, 0, BEYOND[int(n[3])]), [int(n[1]), int(n[2])], 0, BEYOND[int(n[3])]),
    "blur": lambda i, n: F.gaussian_blur(i, [int(n[0]), int(n[1])], [n[2], n[3]]),
    "rotate": lambda i, n: F.rotate(i, n[0], MODES[int(n[1])], bool(n[2]), None if math.isnan(n[6]) else list(n[6:8]), list(map(int, n[3:6]))),
    "affine": lambda i, n: F.affine(i, n[0], [int(n[1]), int(n[2])], n[3], [n[4], n[5]], MODES[int(n[6])], list(map(int, n[7:10])),
                                    [0, 0] if n[10] else None),
    "perspective": lambda i, n: F.perspective(i, [[0, 0], [i.width - 1, 0], [i.width - 1, i.height - 1], [0, i.height - 1]],
                                              [[int(n[k]), int(n[k + 1])] for k in (0, 2, 4, 6)], MODES[int(n[8])], list(map(int, n[9:12]))),
    "augment": lambda i, n: autoaugment._apply_op(i, AUGMENTATIONS[int(n[0])], n[1], InterpolationMode.NEAREST, None),
    "posterize": lambda i, n: F.posterize(i, int(n[0])),
    "solarize": lambda i, n: F.solarize(i, n[0]),
    "invert": lambda i, n: F.invert(i),
    "autocontrast": lambda i, n: F.autocontrast(i),
    "equalize": lambda i, n: F.equalize(i),
    "brightness": lambda i, n: F.adjust_brightness(i, n[0]),
    "contrast": lambda i, n: F.adjust_contrast(i, n[0]),
    "saturation": lambda i, n: F.adjust_saturation(i, n[0]),
    "hue": lambda i, n: F.adjust_hue(i, n[0]),
    "greyscale": lambda i, n: F.rgb_to_grayscale(i, 3),
    "mirror": lambda i, n: F.hflip(i),
    "upside": lambda i, n: F.vflip(i),
    "sharpness": lambda i, n: F.adjust_sharpness(i, n[0]),
}


def three(draw):
    return [draw.randrange(256) for _ in range(3)] if draw.random() < 0.5 else [0, 0, 0]


def numbers_for(operation, image, draw):
    w, h = image.size
    if operation == "resize":
        return [draw.randint(1, min(2 * h, 600)), draw.randint(1, min(2 * w, 600)), draw.randrange(6)]
    if operation == "crop":
        return [draw.randint(-h // 4, h // 2), draw.randint(-w // 4, w // 2), draw.randint(1, h), draw.randint(1, w)] + three(draw)
    if operation == "extend":
        return [draw.randint(0, 9), draw.choice([0, draw.randint(0, w // 2)]), draw.choice([0, draw.randint(0, 2 * h)]), draw.randint(1, 3)]
    if operation == "blur":
        side = [2 * draw.randint(0, min(15, h // 2 - 1, w // 2 - 1)) + 1 for _ in range(2)]
        return side + [draw.uniform(0.1, 4), draw.uniform(0.1, 4)]
    if operation == "rotate":
        centre = [draw.randint(0, w), draw.randint(0, h)] if draw.random() < 0.3 else [math.nan, math.nan]
        return [draw.choice([draw.uniform(-360, 360), draw.choice([0, 90, 180, 270, -90, 45])]), draw.randrange(2), draw.randrange(2)] + three(draw) + centre
    if operation == "affine":
        return [draw.uniform(-180, 180), draw.randint(-w // 3, w // 3), draw.randint(-h // 3, h // 3), draw.uniform(0.3, 2.5),
                draw.uniform(-40, 40), draw.uniform(-40, 40), draw.randrange(2)] + three(draw) + [draw.randrange(2)]
    if operation == "perspective":
        x, y = w // 3, h // 3
        return [draw.randint(0, x), draw.randint(0, y), w - 1 - draw.randint(0, x), draw.randint(0, y), w - 1 - draw.randint(0, x),
                h - 1 - draw.randint(0, y), draw.randint(0, x), h - 1 - draw.randint(0, y), draw.randrange(2)] + three(draw)
    if operation == "augment":
        kind = draw.randrange(len(AUGMENTATIONS))
        space = autoaugment.TrivialAugmentWide()._augmentation_space(31) if draw.random() < 0.5 else autoaugment.RandAugment()._augmentation_space(31, (h, w))
        strengths, signed = space[AUGMENTATIONS[kind]]
        strength = float(strengths[draw.randrange(31)]) if strengths.ndim > 0 else 0.0
        return [kind, -strength if signed and draw.random() < 0.5 else strength]
    if operation == "posterize":
        return [draw.randint(1, 8)]
    if operation == "solarize":
        return [draw.uniform(0, 256)]
    if operation == "hue":
        return [draw.uniform(-0.5, 0.5)]
    if operation in ("brightness", "contrast", "saturation", "sharpness"):
        return [draw.choice([0, 1, draw.uniform(0, 1), draw.uniform(1, 3)])]
    return []


def answer(image, operation, numbers):
    made = OPERATIONS[operation](image, numbers)
    return "%d %d %08x" % (made.width, made.height, zlib.crc32(made.convert("RGB").tobytes()))


def text_of(numbers):
    return " ".join("%.17g" % n for n in numbers) or "0"


def fixtures(directory):
    draw, later = random.Random(3), random.Random(4)  # operations that came later leave the others' draws as they were
    with open(directory + "/transforms.tsv", "w") as f:
        for name, count in (("scene.png", 12), ("square.png", 12), ("colours.png", 6)):
            image = Image.open(directory + "/" + name).convert("RGB")
            for operation in OPERATIONS:
                numbered = bool(numbers_for(operation, image, random.Random(0)))
                for _ in range(count * (2 if operation in ("augment", "rotate", "affine", "resize") else 1) if numbered else 1):
                    numbers = numbers_for(operation, image, later if operation in ("extend", "blur") else draw)
                    f.write("\t".join([operation, name, text_of(numbers)] + answer(image, operation, numbers).split()) + "\n")


def strengths(directory):
    """Of the automatic augmentations: operation, bin, wide, height, width and the strength."""
    with open(directory + "/strengths.tsv", "w") as f:
        for wide in (1, 0):
            space = autoaugment.TrivialAugmentWide()._augmentation_space(31) if wide else autoaugment.RandAugment()._augmentation_space(31, (97, 131))
            for kind, name in enumerate(AUGMENTATIONS):
                values, signed = space[name]
                for number in range(31 if values.ndim > 0 else 0):
                    f.write("%d\t%d\t%d\t97\t131\t%d\t%.9g\n" % (kind, number, wide, signed, float(values[number])))


def compare(program, pictures, draws=50):
    draw = random.Random(5)
    same, other = collections.Counter(), collections.Counter()
    for path in pictures:
        image = Image.open(path).convert("RGB")
        asked = [(o, numbers_for(o, image, draw)) for o in OPERATIONS for _ in range(draws if numbers_for(o, image, random.Random(0)) else 1)]
        lines = "".join("\t".join([o, path, text_of(n)]) + "\n" for o, n in asked)
        got = subprocess.run([program], input=lines, capture_output=True, text=True, check=True).stdout.splitlines()
        assert len(got) == len(asked)
        for (operation, numbers), ours in zip(asked, got):
            theirs = answer(image, operation, numbers)
            (same if ours == theirs else other)[operation] += 1
            if ours != theirs and other[operation] <= 3:
                print("%s %s %s: %s instead of %s" % (operation, path, text_of(numbers), ours, theirs))
    for operation in OPERATIONS:
        print("%-13s %6d equal %6d not" % (operation, same[operation], other[operation]))
    return 1 if other else 0


if sys.argv[1] == "fixtures":
    fixtures(sys.argv[2])
    strengths(sys.argv[2])
else:
    sys.exit(compare(sys.argv[2], sys.argv[3:]))
