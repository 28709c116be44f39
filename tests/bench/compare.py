#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Ours against a peer, taken in turns in one run: the machine drifts, the ratio does not.

usage: compare.py BENCH ARCH MODE [--batch 8] [--threads 2] [--size 224] [--rounds 5] [--engine torch] [--precision fp32] [--python /usr/bin/python3]
BENCH is our program (build/release/bin/bench). Prints both medians, the median of the rounds' ratios with its range, and both peaks.
"""
import argparse, json, os, statistics, subprocess

parser = argparse.ArgumentParser()
parser.add_argument("bench")
parser.add_argument("arch")
parser.add_argument("mode")
parser.add_argument("--batch", default="8")
parser.add_argument("--threads", default="2")
parser.add_argument("--size", default="224")
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--engine", default="torch")
parser.add_argument("--precision", default="fp32")
parser.add_argument("--python", default="/usr/bin/python3", help="with the peers of torch_peer.py")
args = parser.parse_args()
same = ["--batch", args.batch, "--threads", args.threads, "--size", args.size, "--precision", args.precision]
peer = os.path.join(os.path.dirname(os.path.abspath(__file__)), "torch_peer.py")


def run(command):
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


ours, theirs = [], []
for _ in range(args.rounds):
    theirs.append(run([args.python, peer, args.arch, args.mode, "--engine", args.engine] + same))
    ours.append(run([args.bench, "--arch", args.arch, "--mode", args.mode, "--json"] + same))
ratios = sorted(o["images_per_second"] / t["images_per_second"] for o, t in zip(ours, theirs))
print("%-14s %-6s %s batch %s ours %7.2f  %s %7.2f images/s  ratio %.2f (%.2f-%.2f)  peak %d against %d MiB" % (
    args.arch, args.mode, args.precision, args.batch, statistics.median(o["images_per_second"] for o in ours), args.engine,
    statistics.median(t["images_per_second"] for t in theirs), statistics.median(ratios), ratios[0], ratios[-1],
    max(o["peak_mib"] for o in ours), max(t["peak_mib"] for t in theirs)))
