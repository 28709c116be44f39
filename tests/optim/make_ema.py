#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes tests/optim/ema_fixtures.h: averages of torch.optim.swa_utils.AveragedModel with get_ema_multi_avg_fn (made with
torch 2.15; releases before 2.2 have no such function).

Values come from a formula that C computes too, exactly.

    python3 tests/optim/make_ema.py > tests/optim/ema_fixtures.h
"""
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

CASES = (("ema_plain", 0.999, False), ("ema_buffers", 0.9, True), ("ema_light", 0.3, True))
STEPS = 20


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(4, 3, 2, 2))
        self.register_buffer("mean", torch.zeros(5))
        self.register_buffer("count", torch.tensor(0))

    def set(self, step):
        with torch.no_grad():
            for t in (self.weight, self.mean):
                i = torch.arange(t.numel())
                t.copy_((((i * 5 + step * 7) % 17 - 8).float() / 16).reshape(t.shape))
            self.count.fill_(10 * step)


def show(name, values):
    print(f"static const float {name}[] = {{ {', '.join(float(v).hex() + 'F' for v in values)} }};")


print("/* SPDX-License-Identifier: MIT */\n/* Made by make_ema.py. */\n/* clang-format off */")
print(f"enum {{ EMA_STEPS = {STEPS} }};")
for name, decay, buffers in CASES:
    net = Net()
    net.set(0)
    average = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=buffers)
    for step in range(1, STEPS + 1):
        net.set(step)
        average.update_parameters(net)
    show(name + "_weight", average.module.weight.detach().flatten())
    show(name + "_mean", average.module.mean)
    print(f"enum {{ {name}_count = {int(average.module.count)} }};")
