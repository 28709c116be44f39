#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes fixtures/rows.csv, rows.tsv and what Python's csv module reads in them, fixtures/rows.json: make_rows.py"""
import csv
import json
import pathlib
import random

here = pathlib.Path(__file__).parent / "fixtures"
draw = random.Random(7)
alphabet = ["a", "B", "7", "é", ".", "/", "\\", " ", ",", ";", "\t", '"', '""', "\n", "\r\n", "#", "'"]


def field():
    text = "".join(draw.choice(alphabet) for _ in range(draw.randrange(1, 9)))
    # Blanks around a field that is not quoted do not count for us; the csv module has no such rule. A first # is a comment.
    return "x" + text + "y"


def write(name, **dialect):
    rows = [[field() for _ in range(3)] for _ in range(60)]
    with open(here / name, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, **dialect).writerows(rows)
    with open(here / name, newline="", encoding="utf-8") as file:
        read = list(csv.reader(file, **dialect))
    assert read == rows
    return read


cases = {
    "rows.csv": write("rows.csv"),
    "rows.tsv": write("rows.tsv", delimiter="\t", quoting=csv.QUOTE_ALL, lineterminator="\n"),
}
(here / "rows.json").write_text(json.dumps(cases, ensure_ascii=False), encoding="utf-8")
