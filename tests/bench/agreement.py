#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How often a network answers the same class in float32 and with products of bfloat16.

usage: agreement.py RESNET CHECKPOINT PHOTOS... [--arch A] [--emulate build/release/tests/bin/libemulate_bf16.so]
RESNET is build/release/bin/resnet; PHOTOS are folders or files. Prints photos, how many get the same class, and of the
others how far float32's two most probable classes lay apart. --emulate: on a CPU without such products.
"""
import argparse, json, os, subprocess, sys

parser = argparse.ArgumentParser()
parser.add_argument("resnet")
parser.add_argument("checkpoint")
parser.add_argument("photos", nargs="+")
parser.add_argument("--arch")
parser.add_argument("--emulate", help="the library that emulates them")
args = parser.parse_args()


def answers(precision):
    command = [args.resnet, "predict", args.checkpoint, *args.photos, "--top", "2", "--json", "--precision", precision]
    command += ["--arch", args.arch] if args.arch else []
    environment = dict(os.environ, **({"LD_PRELOAD": os.path.abspath(args.emulate)} if args.emulate else {}))
    run = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    if "no products of bfloat16" in run.stderr:
        sys.exit("this CPU has no products of bfloat16: --emulate")
    return {a["photo"]: a["predictions"] for a in map(json.loads, run.stdout.splitlines())}


exact, rounded = answers("fp32"), answers("bf16")
if not exact or exact.keys() != rounded.keys():
    sys.exit("the two precisions answered for other photos")
if exact == rounded:
    sys.exit("not one probability differs: bfloat16 was not computed in")
others = [p for p in exact if exact[p][0]["index"] != rounded[p][0]["index"]]
change = sorted(abs(exact[p][0]["probability"] - r["probability"])
                for p in exact for r in rounded[p] if r["index"] == exact[p][0]["index"])
print("%d photos, %d with the same class: %.2f %%; float32's probability moved by %.4f at the median, %.4f at most" % (
    len(exact), len(exact) - len(others), 100 * (1 - len(others) / len(exact)), change[len(change) // 2], change[-1]))
for p in others:
    print("%s: " % p + ", then ".join("%s at %.3f" % (a["name"], a["probability"]) for a in exact[p][:2]))
