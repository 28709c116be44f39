#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Files between PyTorch and the library, both ways. torch_trip.py PROGRAM, which is torch_trip of torch_trip.c.

Every tensor comes back with its bytes; torch.load(weights_only=True) reads all that the library writes; training goes
on with the same numbers on whichever side.
"""
import collections
import subprocess
import sys
import tempfile

import torch

from make_fixtures import NAMES, begin, state_dict, steps


passed = failed = 0


def verdict(name, fault):
    global passed, failed
    if fault is None:
        passed += 1
        print(f"[       OK ] {name}", flush=True)
    else:
        failed += 1
        print(f"failed: {name}: {fault}", flush=True)


def program(*arguments):
    result = subprocess.run([sys.argv[1], *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True)
    return None if result.returncode == 0 else result.stdout


def load(path):
    return torch.load(path, weights_only=True)


def load_training(path):
    """weights_only of PyTorch 1.13 knows no floats, in no file."""
    return torch.load(path, weights_only=int(torch.__version__.split(".")[0]) >= 2)


def raw(tensor):
    """The bytes of the elements in row-major order."""
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8)


def same(a, b):
    """None, or what differs between two state dicts."""
    if list(a) != list(b):
        return f"names {list(a)} and {list(b)}"
    for name in a:
        x, y = a[name], b[name]
        if x.dtype != y.dtype or x.shape != y.shape or not torch.equal(raw(x), raw(y)):
            return f"{name}: {x} and {y}"
    return None


# ---- bytes


def odd_tensors():
    torch.manual_seed(1)
    base = torch.randn(6, 8)
    result = collections.OrderedDict()
    for dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16):
        values = torch.randn(2, 3, 5).to(dtype)
        values[0, 0, :4] = torch.tensor([float("nan"), float("inf"), -0.0, 1e-40])
        result[str(dtype)] = values
    for dtype in (torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8):
        info = torch.iinfo(dtype)
        result[str(dtype)] = torch.tensor([info.min, info.max, 0, 1], dtype=dtype)
    result["bool"] = torch.tensor([[True, False], [False, True]])
    result["scalar"] = torch.tensor(-7, dtype=torch.int64)
    result["half scalar"] = torch.tensor(1.5, dtype=torch.float16)
    result["empty"] = torch.zeros(0, 300, dtype=torch.float64)
    result["empty.bool"] = torch.zeros(4, 0, 2, dtype=torch.bool)
    result["channels_last"] = torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    result["transposed"] = base.t()
    result["every second"] = base[1::2, ::3]
    result["expanded"] = torch.arange(3).expand(4, 3)
    result["shared"] = base
    result["Blüte.花"] = torch.nn.Parameter(torch.randn(3))
    return result


def bytes_come_back(folder):
    wanted = odd_tensors()
    torch.save(wanted, f"{folder}/in.pth")
    torch.save(wanted, f"{folder}/legacy.pth", _use_new_zipfile_serialization=False)
    for source in ("in", "legacy"):
        fault = program("copy", f"{folder}/{source}.pth", f"{folder}/out.pth", 1)
        verdict(f"{source}: every tensor has the same bytes", fault or same(wanted, load(f"{folder}/out.pth")))
        fault = program("copy", f"{folder}/{source}.pth", f"{folder}/out.safetensors", 0)
        fault = fault or program("copy", f"{folder}/out.safetensors", f"{folder}/back.pth", 1)
        verdict(f"{source}: and by way of safetensors", fault or same_of_names(wanted, load(f"{folder}/back.pth")))


def same_of_names(a, b):
    a = {k: torch.tensor(float(v)) if k == "step" else v for k, v in a.items()}  # RMSprop of 1.13 counts in an int
    return same(dict(sorted(a.items())), dict(sorted(b.items())))


# ---- training


def plain(value):
    """True if there is nothing in it but what weights_only allows without thinking."""
    if isinstance(value, dict):
        return all(plain(k) and plain(v) for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return all(map(plain, value))
    return value is None or isinstance(value, (bool, int, float, str, torch.Tensor))


def close(parameters, wanted):
    worst = max(((a - b).abs() / (b.abs() + 0.1)).max().item() for a, b in zip(parameters, wanted))
    return None if worst < 1e-6 else f"differs by {worst}"


L = torch.optim.lr_scheduler
SCHEDULES = {  # as the file has it, and one of other numbers; milestones are the caller's on our side
    "step": (lambda o: L.StepLR(o, 7, 0.5), lambda o: L.StepLR(o, 1, 0.1)),
    "multi_step": (lambda o: L.MultiStepLR(o, [8, 12, 12, 25], 0.5), lambda o: L.MultiStepLR(o, [3], 0.1)),
    "exponential": (lambda o: L.ExponentialLR(o, 0.9), lambda o: L.ExponentialLR(o, 0.1)),
    "linear": (lambda o: L.LinearLR(o, 0.1, 0.9, 24), lambda o: L.LinearLR(o)),
    "cosine": (lambda o: L.CosineAnnealingLR(o, 17, 1e-3), lambda o: L.CosineAnnealingLR(o, 5)),
}


def training_goes_on(folder, rule, make, kind="step"):
    """PyTorch trains 10 steps, we 10, PyTorch 10 more; and PyTorch 30."""
    whole, parts = begin(), begin()
    schedule, another = SCHEDULES[kind]
    optimizer = make(whole)
    steps(whole, optimizer, schedule(optimizer), 0, 30)
    optimizer = make(parts)
    scheduler = schedule(optimizer)
    steps(parts, optimizer, scheduler, 0, 10)
    state = {"state_dict": state_dict(parts), "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}
    torch.save(state, f"{folder}/in.pth")
    fault = program("resume", rule, f"{folder}/in.pth", f"{folder}/out.pth", 10, kind)
    if fault is not None:
        return fault
    state = load_training(f"{folder}/out.pth")
    if not plain(state) or state["best_acc"] != 0.75 or state["epoch"] != 12 or type(state["epoch"]) is not int:
        return f"metadata of {list(state)}"
    parts = begin()
    optimizer = make(parts)
    scheduler = another(optimizer)
    with torch.no_grad():
        for p, name in zip(parts, NAMES):
            p.copy_(state["state_dict"][name])
    optimizer.load_state_dict(state["optimizer"])
    scheduler.load_state_dict(state["scheduler"])
    if scheduler.last_epoch != 20 or getattr(scheduler, "step_size", 7) != 7:
        return f"scheduler {scheduler.state_dict()}"
    steps(parts, optimizer, scheduler, 20, 30)
    return close(parts, whole)


# ---- networks


def network_comes_back(folder, rule, make, name, build):
    torch.manual_seed(2)
    model = build()
    optimizer = make(model.parameters())
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 7, 0.1)
    for p in model.parameters():
        p.grad = torch.randn_like(p)
    for b in model.buffers():
        b.copy_(torch.rand_like(b) if b.is_floating_point() else torch.tensor(41))
    optimizer.step()
    scheduler.step()
    state = {"state_dict": model.state_dict(), "best_acc": torch.tensor(0.5, dtype=torch.float64),
             "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}
    torch.save(state, f"{folder}/in.pth")
    fault = program("model", rule, name, f"{folder}/in.pth", f"{folder}/out.pth", f"{folder}/weights.pth")
    if fault is not None:
        return fault
    fresh, out = build(), load_training(f"{folder}/out.pth")
    fresh.load_state_dict(load(f"{folder}/weights.pth"), strict=True)
    fresh.load_state_dict(out["state_dict"], strict=True)
    fault = same(state["state_dict"], load(f"{folder}/weights.pth")) or same(state["state_dict"], out["state_dict"])
    if fault is not None or out["mapping"] != {"21": 0, "7": 1, "rose": 2} or out["arch"] != name:
        return fault or f"mapping {out['mapping']}, arch {out['arch']}"
    other = make(fresh.parameters())
    other.load_state_dict(out["optimizer"])
    mine, theirs = optimizer.state_dict(), other.state_dict()
    for key, value in mine["param_groups"][0].items():
        if theirs["param_groups"][0][key] != value and value is not None and value is not False:
            return f"{key} is {theirs['param_groups'][0][key]} instead of {value}"
    if list(mine["state"]) != list(theirs["state"]):
        return "other parameters have state"
    for index, slots in mine["state"].items():
        fault = same_of_names(slots, theirs["state"][index])
        if fault is not None:
            return f"state of {index}: {fault}"
    mine, theirs = scheduler.state_dict(), out["scheduler"]
    for of_a_version in ("verbose", "_is_initial"):
        mine.pop(of_a_version, None)
        theirs.pop(of_a_version, None)
    return None if mine == theirs else f"scheduler {theirs} instead of {mine}"


def main():
    try:
        import torchvision
    except ImportError:
        torchvision = None
    adam = lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.8, 0.99), eps=1e-3, weight_decay=0.01)
    sgd = lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.7, nesterov=True, weight_decay=0.01)
    adamw = lambda p: torch.optim.AdamW(p, lr=0.01, betas=(0.8, 0.99), eps=1e-3, weight_decay=0.1)
    rmsprop = lambda p: torch.optim.RMSprop(p, lr=1e-3, alpha=0.9, momentum=0.7, centered=True, weight_decay=0.01)
    rmsprop_plain = lambda p: torch.optim.RMSprop(p, lr=1e-3)
    sgd_plain = lambda p: torch.optim.SGD(p, lr=0.01)
    with tempfile.TemporaryDirectory() as folder:
        bytes_come_back(folder)
        rules = (("Adam", "adam", adam), ("SGD", "sgd", sgd), ("SGD without momentum", "sgd", sgd_plain),
                 ("AdamW", "adamw", adamw), ("RMSprop", "rmsprop", rmsprop),
                 ("RMSprop, plain", "rmsprop", rmsprop_plain))
        for name, rule, make in rules:
            verdict(f"{name}: training goes on across the border and back", training_goes_on(folder, rule, make))
        for kind in list(SCHEDULES)[1:]:
            verdict(f"{kind}: its rates go on across the border and back", training_goes_on(folder, "adam", adam, kind))
        for name in ("resnet18", "squeezenet1_0") if torchvision is not None else ():
            build = lambda: getattr(torchvision.models, name)(weights=None, num_classes=3)
            for rule, make in (("adam", adam), ("sgd", sgd), ("adamw", adamw), ("rmsprop", rmsprop)):
                verdict(f"{name}, {rule}: model, optimizer and scheduler come back as they went",
                        network_comes_back(folder, rule, make, name, build))
    if torchvision is None:
        print("skipped: networks (no torchvision)")
        print("[  SKIPPED ] 8 test(s)")
    return failed


sys.exit(main())
