#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes tests/optim/fixtures.h: parameters and states after steps of torch.optim, and rates of its schedulers (made
with torch 1.13).

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
    ("adamw_groups", "AdamW", dict(lr=1e-2, groups=(dict(lr=1e-3, weight_decay=0.0), dict(), dict(lr=0.1))), (7, 0.3)),
    ("sgd_groups", "SGD", dict(lr=1e-2, momentum=0.9, groups=(dict(lr=1e-3), dict(weight_decay=0.1), dict())), (10, 0.1)),
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
    options = dict(options)
    groups = options.pop("groups", None)  # one for each parameter
    if groups:
        trained = [dict(group, params=[p]) for group, p in zip(groups, parameters)]
    optimizer = getattr(torch.optim, rule)(trained if groups else parameters, **options)
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


# ---- schedulers: the rate of each of two groups, which begin with 1 and 0.25, before and after each step

SCHEDULE_STEPS = 40
L = torch.optim.lr_scheduler
METRICS = [round(((i * 37) % 23) / 23 + 4 / (i + 2), 6) for i in range(SCHEDULE_STEPS)]
SCHEDULES = (
    ("multi_step", lambda o: L.MultiStepLR(o, [3, 8, 8, 21], 0.3)),
    ("exponential", lambda o: L.ExponentialLR(o, 0.9)),
    ("linear", lambda o: L.LinearLR(o, 0.25, 0.75, 9)),
    ("linear_default", lambda o: L.LinearLR(o)),
    ("cosine", lambda o: L.CosineAnnealingLR(o, 13)),
    ("cosine_min", lambda o: L.CosineAnnealingLR(o, 40, 0.05)),
    ("one_cycle", lambda o: L.OneCycleLR(o, [0.5, 0.125], total_steps=SCHEDULE_STEPS)),
    ("one_cycle_linear", lambda o: L.OneCycleLR(o, 2.0, total_steps=50, pct_start=0.2, anneal_strategy="linear",
                                                div_factor=10.0, final_div_factor=100.0, base_momentum=0.5,
                                                max_momentum=0.9)),
    ("one_cycle_three", lambda o: L.OneCycleLR(o, 2.0, total_steps=SCHEDULE_STEPS, three_phase=True, cycle_momentum=False)),
    ("one_cycle_short", lambda o: L.OneCycleLR(o, 1.0, total_steps=3)),
    ("plateau", lambda o: L.ReduceLROnPlateau(o, factor=0.5, patience=2, min_lr=0.02)),
    ("plateau_rises", lambda o: L.ReduceLROnPlateau(o, "max", 0.7, 0, 0.05, "abs", 3)),
    ("warm_cosine", lambda o: L.SequentialLR(o, [L.LinearLR(o, 0.01, total_iters=6), L.CosineAnnealingLR(o, 34, 0.01)], [6])),
    ("three_parts", lambda o: L.SequentialLR(o, [L.LinearLR(o, 0.5, total_iters=4), L.StepLR(o, 3, 0.5),
                                                 L.ExponentialLR(o, 0.8)], [7, 20])),
)


def rates(make):
    """Rates of both groups before and after each step; beta1, or the momentum of SGD, which is the same."""
    p = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
    optimizer = torch.optim.Adam([{"params": p[:1], "lr": 1.0}, {"params": p[1:], "lr": 0.25}])
    scheduler = make(optimizer)
    found, momenta = [], []
    for step in range(SCHEDULE_STEPS + 1):
        found += [g["lr"] for g in optimizer.param_groups]
        momenta.append(optimizer.param_groups[0]["betas"][0])
        if step == SCHEDULE_STEPS or (isinstance(scheduler, L.OneCycleLR) and step == scheduler.total_steps):
            break
        optimizer.step()
        scheduler.step(*([METRICS[step]] if isinstance(scheduler, L.ReduceLROnPlateau) else []))
    return found, momenta


def doubles(name, numbers):
    print(f"static const double {name}[] = {{")
    for i in range(0, len(numbers), 4):
        print("    " + " ".join(f"{n!r}," for n in numbers[i:i + 4]))
    print("};")


def schedules():
    print(f"\nenum {{ SCHEDULE_STEPS = {SCHEDULE_STEPS} }};")
    doubles("schedule_metrics", METRICS)
    for name, make in SCHEDULES:
        found, momenta = rates(make)
        doubles(f"schedule_{name}", found)
        if name.startswith("one_cycle"):
            doubles(f"schedule_{name}_momentum", momenta)


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
    schedules()


main()
