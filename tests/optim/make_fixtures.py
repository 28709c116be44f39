#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes tests/optim/fixtures.h: parameters and states after steps of torch.optim (made with torch 1.13).

Values and gradients come from formulas that C computes too (trained.c), exactly. The bias has no gradient in its first steps.

    python3 tests/optim/make_fixtures.py > tests/optim/fixtures.h
"""
import torch

SHAPES = ((4, 3, 2, 2), (2, 5), (2,))  # conv1.weight, fc.weight, fc.bias
STEPS, BIAS_BEGINS = 30, 4
CASES = (
    ("adam", "Adam", dict(lr=1e-2), None),
    ("adam_step_lr", "Adam", dict(lr=1e-2), (7, 0.3)),
    ("adam_weight_decay", "Adam", dict(lr=1e-3, betas=(0.8, 0.99), eps=1e-3, weight_decay=0.1), None),
    ("adam_without_momentum", "Adam", dict(lr=1e-3, betas=(0.0, 0.5)), None),
    ("adamw", "AdamW", dict(lr=1e-2), (7, 0.3)),
    ("adamw_weight_decay", "AdamW", dict(lr=1e-2, betas=(0.8, 0.99), eps=1e-3, weight_decay=0.3), None),
    ("rmsprop", "RMSprop", dict(), None),
    ("rmsprop_momentum", "RMSprop", dict(lr=1e-3, alpha=0.9, momentum=0.8, weight_decay=0.05), (7, 0.3)),
    ("rmsprop_centered", "RMSprop", dict(lr=1e-3, eps=1e-3, centered=True), None),
    ("rmsprop_all", "RMSprop", dict(lr=1e-3, alpha=0.95, momentum=0.5, centered=True, weight_decay=0.01), None),
    ("sgd", "SGD", dict(lr=0.1), None),
    ("sgd_momentum", "SGD", dict(lr=1e-2, momentum=0.9), (10, 0.1)),
    ("sgd_dampening", "SGD", dict(lr=1e-2, momentum=0.9, dampening=0.4, weight_decay=0.05), None),
    ("sgd_nesterov", "SGD", dict(lr=1e-2, momentum=0.7, nesterov=True, weight_decay=0.01), (1, 0.9)),
)


def initial(first, shape):
    count = torch.Size(shape).numel()
    i = torch.arange(first, first + count)
    return ((i * 5 % 17 - 8).float() / 16).reshape(shape)


def gradient(first, shape, step):
    count = torch.Size(shape).numel()
    i = torch.arange(first, first + count)
    return ((i * 7 + step * 13) % 23 - 11).float().reshape(shape) / 64


def run(rule, options, schedule):
    parameters, firsts = [], []
    first = 0
    for shape in SHAPES:
        parameters.append(torch.nn.Parameter(initial(first, shape)))
        firsts.append(first)
        first += torch.Size(shape).numel()
    optimizer = getattr(torch.optim, rule)(parameters, **options)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, *schedule) if schedule else None
    early = None
    for step in range(STEPS):
        for k, p in enumerate(parameters):
            p.grad = None if k == 2 and step < BIAS_BEGINS else gradient(firsts[k], SHAPES[k], step)
        optimizer.step()
        if scheduler:
            scheduler.step()
        if step == 0:
            early = [p.detach().clone() for p in parameters]
    slots = {"SGD": ("momentum_buffer",), "RMSprop": ("square_avg", "momentum_buffer", "grad_avg")}
    slots = slots.get(rule, ("exp_avg", "exp_avg_sq"))
    states = []
    for slot in slots:
        values = [optimizer.state[p].get(slot) for p in parameters]
        if values[0] is not None:
            states.append(values)
    return early, [p.detach() for p in parameters], states, optimizer.param_groups[0]["lr"]


def array(name, tensors):
    numbers = [f"{float(v):.9g}" for t in tensors for v in t.flatten()]
    numbers = [n + ("f" if "." in n or "e" in n else ".0f") for n in numbers]
    lines, line = [], " "
    for n in numbers:
        if len(line) + len(n) + 2 > 118:
            lines.append(line)
            line = " "
        line += f" {n},"
    lines.append(line)
    print(f"static const float {name}[] = {{")
    for line in lines:
        print("  " + line)
    print("};")


def main():
    print("/* SPDX-License-Identifier: MIT */")
    print("/* Made by make_fixtures.py: what torch.optim makes of the numbers of trained.c, row-major, entry after entry. */")
    print("/* clang-format off */")
    for name, rule, options, schedule in CASES:
        early, last, states, lr = run(rule, options, schedule)
        print()
        array(f"{name}_first", early)
        array(f"{name}_last", last)
        for i, state in enumerate(states):
            array(f"{name}_slot{i}", state)
        print(f"static const double {name}_lr = {lr!r};")


main()
