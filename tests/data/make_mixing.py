#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes tests/data/mixing_fixtures.h: what torchvision.transforms.v2.MixUp and CutMix make of given draws (made with
torchvision 0.29).

    python3 tests/data/make_mixing.py > tests/data/mixing_fixtures.h
"""
from unittest import mock

import torch
from torchvision.transforms import v2

N, C, H, W, CLASSES = 3, 2, 5, 7, 4
LABELS = torch.tensor([2, 0, 2])
MIXUP = 0.3


def show(name, values, kind="float", suffix="F"):
    numbers = ", ".join((float(v).hex() + suffix) if kind != "int" else str(int(v)) for v in values)
    print(f"static const {kind} {name}[] = {{ {numbers} }};")


def images():
    i = torch.arange(N * C * H * W)
    return ((i * 37 % 101 - 50).float() / 50).reshape(N, C, H, W)


def apply(transform, params):
    params = dict(params, labels=LABELS, batch_size=N)
    return transform.transform(images(), params), transform.transform(LABELS, params)


print("/* SPDX-License-Identifier: MIT */\n/* Made by make_mixing.py. */\n/* clang-format off */")
mixed, targets = apply(v2.MixUp(num_classes=CLASSES), dict(lam=MIXUP))
show("mixup_images", mixed.flatten())
show("mixup_targets", targets.flatten())
cutmix = v2.CutMix(num_classes=CLASSES)
for k, (lam, x, y) in enumerate(((0.5, 3, 2), (0.2, 0, 4), (0.9, 6, 0), (0.0, 3, 3), (0.999, 1, 1))):
    cutmix._dist = mock.Mock(sample=lambda _: torch.tensor(lam))
    with mock.patch("torch.randint", side_effect=[torch.tensor([x]), torch.tensor([y])]):
        params = cutmix.make_params([images()])
    show(f"cutmix_draw{k}", (float(torch.tensor(lam)), x, y), "double", "")
    show(f"cutmix_box{k}", params["box"], "int")
    show(f"cutmix_lambda{k}", (params["lam_adjusted"],), "double", "")
    mixed, targets = apply(cutmix, params)
    show(f"cutmix_images{k}", mixed.flatten())
    show(f"cutmix_targets{k}", targets.flatten())
