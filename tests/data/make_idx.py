#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes fixtures/images.idx and labels.idx, both also as .gz, and what torchvision reads in them, idx.json: make_idx.py"""
import gzip
import json
import pathlib
import random
import struct

from torchvision.datasets import mnist

here = pathlib.Path(__file__).parent / "fixtures"
draw = random.Random(3)
COUNT, HEIGHT, WIDTH = 7, 4, 3


def write(name, sizes, elements):
    content = struct.pack(">BBBB", 0, 0, 8, len(sizes)) + struct.pack(f">{len(sizes)}I", *sizes) + bytes(elements)
    (here / name).write_bytes(content)
    (here / f"{name}.gz").write_bytes(gzip.compress(content, mtime=0))


write("images.idx", [COUNT, HEIGHT, WIDTH], [draw.randrange(256) for _ in range(COUNT * HEIGHT * WIDTH)])
write("labels.idx", [COUNT], [draw.randrange(4) for _ in range(COUNT)])
expected = {
    "images": mnist.read_image_file(str(here / "images.idx")).flatten(1).tolist(),
    "labels": mnist.read_label_file(str(here / "labels.idx")).tolist(),
}
(here / "idx.json").write_text(json.dumps(expected))
