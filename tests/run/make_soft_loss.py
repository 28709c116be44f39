#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes tests/run/soft_loss.h: torch.nn.CrossEntropyLoss of targets, in double, and its gradient (made with torch 2.15).

    python3 tests/run/make_soft_loss.py > tests/run/soft_loss.h
"""
import torch

LOGITS = ((1, -2, 3, 0.5), (1000, 999, -1000, 0), (-0.25, -0.25, -0.25, -0.25))
TARGETS = ((0.25, 0, 0.75, 0), (0.5, 0.5, 0, 0), (0.125, 0.25, 0.25, 0.375))
WEIGHTS = (1, 2, 0.5, 3)
CASES = (("plain", dict()), ("weighted", dict(weight=WEIGHTS)), ("smoothed", dict(weight=WEIGHTS, label_smoothing=0.1)))


def show(rows):
    return ", ".join("{ " + ", ".join(repr(float(v)) for v in row) + " }" for row in rows)


print("/* SPDX-License-Identifier: MIT */\n/* Made by make_soft_loss.py. */\n/* clang-format off */")
print(f"static const float soft_targets[3][4] = {{ {show(TARGETS)} }};")
print(f"static const float soft_weights[4] = {show((WEIGHTS,))};")
for name, options in CASES:
    if "weight" in options:
        options = dict(options, weight=torch.tensor(WEIGHTS, dtype=torch.float64))
    x = torch.tensor(LOGITS, dtype=torch.float64, requires_grad=True)
    loss = torch.nn.CrossEntropyLoss(**options)(x, torch.tensor(TARGETS, dtype=torch.float64))
    loss.backward()
    print(f"static const double soft_{name} = {loss.item()!r};")
    print(f"static const double soft_{name}_gradient[3][4] = {{ {show(x.grad)} }};")
