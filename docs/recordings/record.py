#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Records `resnet train` in terminals of 60 and 120 columns, and checks what a terminal shows of a recording.

    record.py record PROGRAM    writes train-60.cast and train-120.cast beside this file
    record.py check FILE...     plays recordings to a small terminal: no moving line wraps, none leaves anything

The files are asciicast v2 (https://docs.asciinema.org/manual/asciicast/v2/). Photos are made here: noise and a blot.
"""
import fcntl
import json
import os
import pty
import random
import re
import struct
import subprocess
import sys
import tempfile
import termios
import time

ROWS = 24
TRAIN = ("train photos --arch cifar_resnet20 --weights pretrained.safetensors --new-head --frozen-epochs 2 --epochs 2"
         " --threads 1")


def write_photo(path, colour, draw, side=32):
    """Noise, and somewhere in it a blot with a little more of one colour."""
    rows = bytearray(draw.randrange(256) for _ in range(3 * side * side))
    left, top = draw.randrange(side // 2), draw.randrange(side // 2)
    for y in range(top, top + side // 2):
        for x in range(left, left + side // 2):
            at = 3 * (y * side + x) + colour
            rows[at] = min(rows[at] + 40, 255)
    with open(path, "wb") as file:
        file.write(b"P6\n%d %d\n255\n" % (side, side) + rows)


def write_photos(root):
    draw = random.Random(1)
    for split, count in (("train", 160), ("valid", 24)):
        for colour, name in enumerate(("red", "green")):
            os.makedirs(f"{root}/{split}/{name}")
            for i in range(count):
                write_photo(f"{root}/{split}/{name}/{i:03}.ppm", colour, draw)


def run_on_terminal(program, folder, columns):
    """The command's output as [seconds, text] events."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
    environment = dict(os.environ, TERM="xterm-256color", LC_ALL="C.UTF-8")
    command = [program] + TRAIN.split() + ["--out", f"run{columns}"]
    process = subprocess.Popen(command, cwd=folder, stdin=child, stdout=child, stderr=child, env=environment)
    os.close(child)
    events, began = [[0.0, "$ resnet " + TRAIN + "\r\n"]], time.monotonic()
    while True:
        try:
            data = os.read(parent, 65536)
        except OSError:  # Linux's word for the end
            data = b""
        if not data:
            break
        events.append([round(time.monotonic() - began, 3), data.decode()])
    os.close(parent)
    if process.wait() != 0:
        sys.exit(f"{TRAIN}: exit {process.returncode}:\n" + "".join(text for _, text in events))
    return events


def record(program):
    here = os.path.dirname(os.path.abspath(__file__))
    program = os.path.abspath(program)
    with tempfile.TemporaryDirectory() as folder:
        write_photos(folder + "/photos")
        subprocess.run([program, "train", "photos", "--arch", "cifar_resnet20", "--from-scratch",
                        "--epochs", "1", "--out", "first"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        os.rename(folder + "/first/best.safetensors", folder + "/pretrained.safetensors")
        for columns in (60, 120):
            events = run_on_terminal(program, folder, columns)
            with open(f"{here}/train-{columns}.cast", "w") as file:
                print(json.dumps({"version": 2, "width": columns, "height": ROWS, "title": "resnet train"}), file=file)
                for at, text in events:
                    print(json.dumps([at, "o", text]), file=file)


class Terminal:
    """Enough of one for what the programs send: letters, CR, LF, erase to the end of the line. Wraps late, as xterm."""

    def __init__(self, columns):
        self.columns, self.rows, self.x, self.moving, self.moved = columns, [[]], 0, False, 0

    def put(self, letter):
        if self.x == self.columns:
            if self.moving:
                raise ValueError("a moving line is wider than the terminal: " + "".join(self.rows[-1]))
            self.rows.append([])
            self.x = 0
        row = self.rows[-1]
        row.extend(" " * (self.x + 1 - len(row)))
        row[self.x] = letter
        self.x += 1

    def play(self, text):
        for part in re.findall(r"\x1b\[[0-9;]*[A-Za-z]|[^\x1b]", text):
            if part == "\r":
                self.x, self.moving = 0, True
            elif part == "\n":
                self.rows.append([])
                self.moving = False
            elif part == "\x1b[K":
                del self.rows[-1][self.x:]
                self.moved += self.x > 0
                self.moving = self.x > 0  # erased from the start: what follows is a line that stays
            elif part.startswith("\x1b"):
                raise ValueError(f"an unknown sequence: {part!r}")
            else:
                self.put(part)


def check(path):
    with open(path) as file:
        header, events = json.loads(file.readline()), [json.loads(line) for line in file]
    terminal = Terminal(header["width"])
    assert header["version"] == 2 and events == sorted(events, key=lambda event: event[0])
    terminal.play("".join(text for _, _, text in events))
    lines = ["".join(row) for row in terminal.rows]
    remains = [line for line in lines if re.search(r"\d/\d+ +loss ", line)]  # in what stays, a word stands between
    assert terminal.moved >= 8, f"{path}: {terminal.moved} moving lines"
    assert not remains, f"{path}: moving lines have stayed: {remains}"
    assert any("best validation accuracy" in line for line in lines)
    print(f"{path}: {header['width']} columns, {terminal.moved} moving lines, none wraps, none stays")


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "record":
        record(sys.argv[2])
    elif len(sys.argv) > 2 and sys.argv[1] == "check":
        for path in sys.argv[2:]:
            check(path)
    else:
        sys.exit(__doc__)


main()
