#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes tests/store/fixtures/*.pth: training checkpoints as scripts of PyTorch save them (made with torch 1.13).

The parameters and gradients are those of tests/optim/trained.c; 'expected' holds what PyTorch has at the end.

    python3 tests/store/make_fixtures.py tests/store/fixtures
"""
import collections
import copy
import pathlib
import sys

import torch

NAMES = ("conv1.weight", "fc.weight", "fc.bias")
SHAPES = ((4, 3, 2, 2), (2, 5), (2,))
BIAS_BEGINS = 4


def begin():
    parameters, first = [], 0
    for shape in SHAPES:
        count = torch.Size(shape).numel()
        i = torch.arange(first, first + count)
        parameters.append(torch.nn.Parameter(((i * 5 % 17 - 8).float() / 16).reshape(shape)))
        first += count
    return parameters


def steps(parameters, optimizer, scheduler, begin, end):
    for step in range(begin, end):
        first = 0
        for k, p in enumerate(parameters):
            i = torch.arange(first, first + p.numel())
            gradient = ((i * 7 + step * 13) % 23 - 11).float().reshape(p.shape) / 64
            p.grad = None if k == 2 and step < BIAS_BEGINS else gradient
            first += p.numel()
        optimizer.step()
        if scheduler is not None:
            scheduler.step()


def state_dict(parameters):
    values = [(n, p.detach().clone()) for n, p in zip(NAMES, parameters)]
    values.insert(1, ("bn1.running_mean", torch.zeros(4)))
    return collections.OrderedDict(values)


def checkpoint(make, stop, end, schedule):
    parameters = begin()
    optimizer = make(parameters)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, *schedule)
    steps(parameters, optimizer, scheduler, 0, stop)
    state = {
        "epoch": stop,
        "state_dict": state_dict(parameters),
        "best_acc": torch.tensor(0.75, dtype=torch.float64),
        "optimizer": copy.deepcopy(optimizer.state_dict()),
        "scheduler": copy.deepcopy(scheduler.state_dict()),
    }
    steps(parameters, optimizer, scheduler, stop, end)
    state["expected"] = state_dict(parameters)
    state["expected_lr"] = optimizer.param_groups[0]["lr"]
    return state


def main():
    folder = pathlib.Path(sys.argv[1])
    adam = torch.optim.Adam
    rmsprop = torch.optim.RMSprop
    sgd = torch.optim.SGD
    by_groups = lambda p: adam([{"params": p[1:], "lr": 0.02}, {"params": p[:1], "weight_decay": 0.1}], lr=0.01)
    files = {
        "adam": checkpoint(lambda p: adam(p, lr=0.01, betas=(0.8, 0.99), eps=1e-3), 10, 20, (7, 0.3)),
        "adam_early": checkpoint(lambda p: adam(p, lr=0.01), 3, 20, (7, 0.3)),
        "adamw": checkpoint(lambda p: torch.optim.AdamW(p, lr=0.01, eps=1e-3, weight_decay=0.2), 10, 20, (7, 0.3)),
        "rmsprop": checkpoint(lambda p: rmsprop(p, lr=1e-3, alpha=0.9, momentum=0.7, centered=True), 10, 20, (7, 0.3)),
        "rmsprop_plain": checkpoint(lambda p: rmsprop(p, lr=1e-3, weight_decay=0.01), 10, 20, (7, 0.3)),
        "sgd": checkpoint(lambda p: sgd(p, lr=0.01, momentum=0.7, nesterov=True, weight_decay=0.01), 10, 20, (6, 0.5)),
        "sgd_plain": checkpoint(lambda p: sgd(p, lr=0.01), 10, 20, (6, 0.5)),
        "groups": checkpoint(by_groups, 10, 20, (7, 0.3)),
        "head": checkpoint(lambda p: adam(p[1:], lr=0.01), 10, 20, (7, 0.3))["optimizer"],
    }
    for name, state in files.items():
        torch.save(state, folder / f"{name}.pth")


if __name__ == "__main__":
    main()
