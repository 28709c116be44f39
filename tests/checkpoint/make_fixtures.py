#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes tests/checkpoint/fixtures: small checkpoints of every container, and expect.tsv, what PyTorch reads in them.

Lines of expect.tsv, separated by tabs:
    file  tensor    name  dtype  shape (2,3 or -)  CRC-32 of the row-major bytes (hex)
    file  metadata  key   value
    file  refused   STATUS  part of the message
Made with PyTorch 1.13 and numpy; tar archives and broken files are put together by hand. Run it in this directory. PyTorch's bytes depend on
its version, so the outputs are committed.
"""
import argparse
import collections
import datetime
import enum
import fractions
import io
import os
import pathlib
import pickle
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections import OrderedDict

import numpy
import torch
import torch.fx

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures")
expect = []
DTYPES = {torch.float32: "float32", torch.float64: "float64", torch.float16: "float16", torch.bfloat16: "bfloat16",
          torch.int8: "int8", torch.int16: "int16", torch.int32: "int32", torch.int64: "int64", torch.uint8: "uint8",
          torch.bool: "bool"}


def raw(tensor):
    tensor = tensor.detach().contiguous()
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.view(torch.int16)
    return tensor.numpy().tobytes()


def expect_tensor(file, name, tensor):
    shape = ",".join(str(n) for n in tensor.shape) or "-"
    expect.append((file, "tensor", name, DTYPES[tensor.dtype], shape, "%08x" % zlib.crc32(raw(tensor))))


def expect_metadata(file, **pairs):
    for key, value in pairs.items():
        expect.append((file, "metadata", key, value))


def expect_refused(file, status, part):
    expect.append((file, "refused", status, part))


def write(file, data):
    with open(os.path.join(HERE, file), "wb") as f:
        f.write(data)


def saved(thing, **options):
    buffer = io.BytesIO()
    torch.save(thing, buffer, **options)
    return buffer.getvalue()


def both(stem, thing, tensors, metadata={}):
    """One object in the zip and in the legacy container."""
    for file, options in ((stem + ".zip.pth", {}), (stem + ".legacy.pth", {"_use_new_zipfile_serialization": False})):
        write(file, saved(thing, **options))
        for name, tensor in tensors.items():
            expect_tensor(file, name, tensor)
        expect_metadata(file, **metadata)


def dtypes():
    torch.manual_seed(1)
    things = {name: (torch.randn(3, 5) * 50).to(dtype) for dtype, name in DTYPES.items()}
    things["special"] = torch.tensor([float("nan"), float("inf"), -float("inf"), -0.0, 1e-45, 3.4e38])
    both("dtypes", things, things)


def views():
    base = torch.arange(24, dtype=torch.float32)
    things = {
        "base": base,
        "same": base,
        "window": base[5:17],
        "transposed": base.reshape(4, 6).t(),
        "stepped": base[1::3],
        "cube": base.reshape(2, 3, 4).permute(2, 0, 1),
        "fortran": torch.from_numpy(numpy.asfortranarray(numpy.arange(24).reshape(2, 3, 4))),
        "expanded": base[7:8].expand(2, 5),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "channels_last": torch.arange(120, dtype=torch.float32).reshape(2, 3, 4, 5).to(memory_format=torch.channels_last),
        "pointwise": torch.arange(6, dtype=torch.float32).reshape(2, 3, 1, 1).to(memory_format=torch.channels_last),
    }
    both("views", things, things)


def network():
    torch.manual_seed(2)
    net = torch.nn.DataParallel(torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3), torch.nn.Flatten(), torch.nn.Linear(3, 2)))
    state = net.state_dict()
    both("state_dict", state, {name[7:]: tensor for name, tensor in state.items()}, {"rn.prefix": "module."})
    things = {"epoch": 7, "arch": "tiny", "best": 0.1, "state_dict": state}
    both("training", things, {name[7:]: tensor for name, tensor in state.items()},
         {"rn.prefix": "module.", "rn.nesting": "state_dict", "epoch": "7", "arch": "tiny", "best": "0.1"})


def nested():
    weight = torch.nn.Parameter(torch.ones(2, 2) * 3)
    things = {
        "encoder": {"layers": [{"weight": weight}, {"weight": torch.zeros(1)}], 7: torch.tensor([1, 2])},
        "decoder": (torch.full((2,), 0.5), None),
        "numbers": {"small": -3, "wide": 2**40, "huge": -(2**70) - 1, "unsigned": 2**64 - 1, "tiny": 1e-310, "third": 1 / 3, "whole": 3.0,
                    "endless": float("inf"), "yes": True, "no": False},
        "numpy": {"double": numpy.float64(0.1), "single": numpy.float32(0.5), "long": numpy.int64(-5), "byte": numpy.uint8(200), "truth": numpy.bool_(True)},
        "text": "Blüte, 花",
        "left out": [None, b"bytes", torch.device("cpu"), torch.float32, {1, 2}],
        "size": torch.Size([4, 5]),
    }
    both("nested", things,
         {"encoder.layers.0.weight": weight, "encoder.layers.1.weight": torch.zeros(1), "encoder.7": torch.tensor([1, 2]), "decoder.0": torch.full((2,), 0.5)},
         {"numbers.small": "-3", "numbers.wide": str(2**40), "numbers.huge": str(-(2**70) - 1), "numbers.unsigned": str(2**64 - 1),
          "numbers.tiny": "1e-310", "numbers.third": repr(1 / 3), "numbers.whole": "3", "numbers.endless": "inf", "numbers.yes": "true",
          "numbers.no": "false", "numpy.double": "0.1", "numpy.single": "0.5", "numpy.long": "-5", "numpy.byte": "200", "numpy.truth": "true",
          "text": "Blüte, 花", "size.0": "4", "size.1": "5"})


def protocols():
    """Opcodes of newer pickles: frames, short strings, MEMOIZE, STACK_GLOBAL."""
    things = {"weight": torch.arange(6, dtype=torch.int32).reshape(2, 3), "note": "protocol", "seed": 2**70, "yes": True, "place": pathlib.PurePosixPath("a")}
    for protocol in (1, 3, 4, 5):
        file = "protocol%d.pth" % protocol
        write(file, saved(things, pickle_protocol=protocol))
        expect_tensor(file, "weight", things["weight"])
        expect_metadata(file, note="protocol", seed=str(2**70), yes="true", **{"rn.opaque": "place (pathlib.PurePosixPath)"})


def repacked():
    """Deflated, without a directory, without a byte order; and a subclass of Tensor."""
    things = {"weight": torch.ones(40, 50), "step": torch.tensor(9)}
    source = zipfile.ZipFile(io.BytesIO(saved(things)))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(zipfile.ZipInfo(name.split("/", 1)[1]), source.read(name), zipfile.ZIP_DEFLATED)
    write("deflated.pth", buffer.getvalue())
    for name, tensor in things.items():
        expect_tensor("deflated.pth", name, tensor)


class Call:
    """Pickles as a call of a global with arguments, without having it."""

    def __init__(self, name, *arguments):
        self.name, self.arguments = name, arguments


class Raw:
    """A pickler of our own for what Python's will not write: Python 2's strings, globals that are not there."""

    def __init__(self):
        self.out = bytearray(b"\x80\x02")

    def put(self, value):
        if value is None:
            self.out += b"N"
        elif isinstance(value, bool):
            self.out += b"\x88" if value else b"\x89"
        elif isinstance(value, int):
            self.out += b"J" + struct.pack("<i", value) if abs(value) < 2**31 else b"I%d\n" % value
        elif isinstance(value, str):
            self.out += b"U" + bytes([len(value)]) + value.encode()
        elif isinstance(value, tuple) or isinstance(value, list):
            self.out += b"("
            for item in value:
                self.put(item)
            self.out += b"t" if isinstance(value, tuple) else b"l"
        elif isinstance(value, dict):
            self.out += b"}("
            for key, item in value.items():
                self.put(key)
                self.put(item)
            self.out += b"u"
        elif isinstance(value, Call) and value.name == "persistent":
            self.put(value.arguments[0])
            self.out += b"Q"
        elif isinstance(value, Call):
            self.out += b"c%s\n%s\n" % tuple(part.encode() for part in value.name.rsplit(".", 1))
            if value.arguments != ("global",):
                self.put(value.arguments)
                self.out += b"R"
        return self

    def done(self):
        return bytes(self.out + b".")


def dumped(value):
    return Raw().put(value).done()


def word(name):
    return Call(name, "global")


def tensor_call(key, numel, shape, strides, kind="FloatStorage", offset=0, view=None, storage=None):
    identity = ("storage", word("torch." + kind), key, "cpu", numel) + ((view,) if view is not None else ())
    return Call("torch._utils._rebuild_tensor_v2", storage or Call("persistent", identity), offset, shape, strides, False, Call("collections.OrderedDict"))


def legacy(thing, storages, little=True, magic=b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", version=1001):
    data = magic + dumped(version) + dumped({"protocol_version": 1001, "little_endian": little, "type_sizes": {}})
    data += dumped(thing) + dumped([key for key, _, _ in storages])
    for _, numel, content in storages:
        data += struct.pack("<q", numel) + content
    return data


def floats(*values):
    return struct.pack("<%df" % len(values), *values)


def zipped(thing, storages, prefix="x/", byteorder=b"little", more=()):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        target.writestr(zipfile.ZipInfo(prefix + "data.pkl"), thing if isinstance(thing, bytes) else dumped(thing))
        target.writestr(zipfile.ZipInfo(prefix + "byteorder"), byteorder)
        for key, content in storages.items():
            target.writestr(zipfile.ZipInfo(prefix + "data/" + key), content)
        for name in more:
            target.writestr(zipfile.ZipInfo(prefix + name), b"")
    return buffer.getvalue()


def by_hand():
    """Python 2's pickles, views of storages as the legacy container knows them, tensors of old and of newer rebuild functions."""
    ten = [float(i) for i in range(10)]
    pairs = [["weight", tensor_call("a", 10, (2, 2), (2, 1), view=("a2", 3, 4))], ["bias", tensor_call("a", 10, (3,), (2,), offset=1)]]
    file = "python2.legacy.pth"
    write(file, legacy({"net": Call("collections.OrderedDict", pairs), "seed": 2**40}, [("a", 10, floats(*ten))]))
    expect_tensor(file, "weight", torch.tensor([[3.0, 4.0], [5.0, 6.0]]))
    expect_tensor(file, "bias", torch.tensor([1.0, 3.0, 5.0]))
    expect_metadata(file, **{"rn.nesting": "net", "seed": str(2**40)})
    file = "rebuilt.pth"
    plain = tensor_call("0", 4, (2, 2), (2, 1))
    things = {
        "old": Call("torch._utils._rebuild_tensor", Call("persistent", ("storage", word("torch.cuda.FloatStorage"), "0", "cuda:0", 4)), 2, (2,), (1,)),
        "parameter": Call("torch._utils._rebuild_parameter_with_state", plain, True, Call("collections.OrderedDict"), {"note": "x"}),
        "subclass": Call("torch._tensor._rebuild_from_type_v2", word("torch._utils._rebuild_tensor_v2"), word("torch.nn.parameter.Parameter"),
                         plain.arguments, {}),
        "counter": Call("collections.Counter", {"a": 3}),
        "default": Call("collections.defaultdict", word("__builtin__.list")),
    }
    write(file, zipped(things, {"0": floats(1, 2, 3, 4)}))
    expect_tensor(file, "old", torch.tensor([3.0, 4.0]))
    expect_tensor(file, "parameter", torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    expect_tensor(file, "subclass", torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    expect_metadata(file, **{"counter.a": "3"})


def archive(members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue().rstrip(b"\0") + bytes(1024)


def tar_tensor(key, storage, shape, strides, offset):
    return (dumped((key, storage, word("torch.FloatTensor"))) + struct.pack("<ii", len(shape), 0) +
            struct.pack("<%dq" % (2 * len(shape) + 1), *shape, *strides, offset))


def tar():
    storages = dumped(2) + dumped((100, "cpu", word("torch.FloatStorage"))) + struct.pack("<q", 6) + floats(1, 2, 3, 4, 5, 6)
    storages += dumped((200, "cpu", word("torch.LongStorage"))) + struct.pack("<q", 1) + struct.pack("<q", -7)
    storages += dumped([(300, 100, 2, 3)])
    tensors = dumped(3) + tar_tensor(1, 100, (2, 3), (1, 2), 0) + tar_tensor(2, 300, (2,), (2,), 0) + tar_tensor(3, 200, (), (), 0)
    thing = Call("collections.OrderedDict", [
        ["module.weight", Call("torch.nn.parameter.Parameter", Call("persistent", "1"))],
        ["module.bias", Call("persistent", 2)],
        ["module.count", Call("persistent", "3")],
    ])
    system = dumped({"protocol_version": 1000, "little_endian": True, "type_sizes": {}})
    members = {"sys_info": system, "pickle": dumped(thing), "storages": storages, "tensors": tensors}
    write("old.tar", archive(members))
    expect_tensor("old.tar", "weight", torch.tensor([[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]]))
    expect_tensor("old.tar", "bias", torch.tensor([3.0, 5.0]))
    expect_tensor("old.tar", "count", torch.tensor(-7))
    expect_metadata("old.tar", **{"rn.prefix": "module."})
    identity = ("storage", word("torch.FloatStorage"), "0", "cpu", 2)
    plain = {"pickle": dumped({"weight": tensor_call("0", 2, (2,), (1,), storage=identity)}),
             "storages": dumped(1) + dumped(("0", "cpu", word("torch.FloatStorage"))) + struct.pack("<q", 2) + floats(8, 9)}
    write("rebuilt.tar", archive(plain))
    expect_tensor("rebuilt.tar", "weight", torch.tensor([8.0, 9.0]))
    refuse("tar_view.tar", archive(dict(members, storages=storages.replace(dumped([(300, 100, 2, 3)]), dumped([(300, 100, 4, 3)])))), "RN_FORMAT", "inside its storage")
    refuse("tar_reach.tar", archive(dict(members, tensors=tensors.replace(struct.pack("<q", 3), struct.pack("<q", 4)))), "RN_FORMAT", "reaches element")
    refuse("tar_missing.tar", archive({"pickle": members["pickle"]}), "RN_FORMAT", "without 'pickle' and 'storages'")
    refuse("tar_endian.tar", archive(dict(members, sys_info=dumped({"little_endian": False}))), "RN_UNSUPPORTED", "big-endian")
    refuse("tar_sum.tar", archive(members)[:300] + b"x" + archive(members)[301:], "RN_FORMAT", "neither")


class Colour(enum.Enum):
    RED = 1


class Settings(dict):
    """A dictionary with attributes, as training frameworks have them."""


class Weights(OrderedDict):
    """A state dict of a class of its own."""


class Halves(torch.nn.Module):
    """Own classes alone: the legacy container keeps the source of each."""

    class Half(torch.nn.Module):
        def __init__(self, value):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.full((2,), value))
            self.register_parameter("bias", None)
            self.register_buffer("steps", torch.tensor(4))
            self.register_buffer("cache", torch.ones(3), persistent=False)
            self.register_buffer("kept", torch.zeros(0, 2))
            self.plain = torch.ones(5)
            self.note = "no metadata"

    def __init__(self):
        super().__init__()
        self.left, self.right, self.none = Halves.Half(0.5), Halves.Half(1.5), None
        self.scale = torch.nn.Parameter(torch.tensor(2.0))


def neighbours():
    """Objects that nobody looks into beside the weights: of classes that are known to nobody, or tensors that are not read."""
    weights = {"weight": torch.arange(4.0).reshape(2, 2), "bias": torch.ones(2)}
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=0.1, momentum=0.9)
    things = {"epoch": 3, "args": argparse.Namespace(lr=0.1, out=pathlib.PurePosixPath("a/b"), weight=torch.ones(7)), "mean": numpy.zeros(3),
              "when": datetime.datetime(2020, 1, 2), "optimizer": optimizer, "state_dict": weights,
              "queue": collections.deque([torch.ones(2), 5]), "colour": Colour.RED, "method": parameter.detach, "more": [fractions.Fraction(1, 2), fractions.Fraction(1, 3)],
              "function": torch.relu, "class": argparse.Namespace}
    said = ("args (argparse.Namespace), mean (numpy.core.multiarray._reconstruct), when (datetime.datetime), optimizer (torch.optim.sgd.SGD), "
            "queue (collections.deque), colour (%s.getattr), more.0 (fractions.Fraction) and 4 more")
    both("neighbours", things, weights, {"rn.nesting": "state_dict", "epoch": "3", "rn.opaque": said % "__builtin__"})
    write("neighbours4.pth", saved(things, pickle_protocol=4))
    for name, tensor in weights.items():
        expect_tensor("neighbours4.pth", name, tensor)
    expect_metadata("neighbours4.pth", **{"rn.opaque": said % "builtins"})
    unread = {"w": torch.ones(2), "complex": torch.ones(2, dtype=torch.complex64), "wide": torch.ones(3, dtype=torch.complex128), "sparse": torch.eye(2).to_sparse(),
              "quantised": torch.quantize_per_tensor(torch.ones(3), 0.5, 0, torch.qint8)}
    both("unread", unread, {"w": unread["w"]}, {"rn.opaque": "complex (torch.ComplexFloatStorage), wide (torch.ComplexDoubleStorage), sparse (torch._utils._rebuild_sparse_tensor), "
                                                "quantised (torch._utils._rebuild_qtensor)"})
    both("storage", {"s": torch.ones(3).storage(), "w": unread["w"]}, {"w": unread["w"]}, {"rn.opaque": "s (torch.FloatStorage)"})
    one = tensor_call("0", 4, (2, 2), (2, 1))
    old = b"\x80\x02}(U\x01w" + dumped(one)[2:-1] + b"U\x06object(cold\nThing\nK\x01o}U\x01aK\x02sbU\x08instance(K\x05iold\nOther\n}bU\x07keyword\x8c\x03old\x8c\x03New\x93)}\x92" \
          b"U\x09\xe4\xf6\xfc latinK\x01U\x07\xff latinh\x00u."
    old = old.replace(b"h\x00u.", dumped(one)[2:-1] + b"u.")
    write("python2_objects.pth", zipped(old, {"0": floats(1, 2, 3, 4)}))
    expect_tensor("python2_objects.pth", "w", torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    expect_metadata("python2_objects.pth", **{"rn.opaque": "object (old.Thing), instance (old.Other), keyword (old.New), the object itself (a key that is no text) and 1 more"})
    refuse("beneath.pth", saved({"epoch": 3, "args": argparse.Namespace(weight=torch.ones(7))}), "RN_FORMAT", "args (argparse.Namespace)")
    refuse("optimizer.pth", saved(optimizer), "RN_FORMAT", "the object itself (torch.optim.sgd.SGD)")
    refuse("storages.pth", saved({"s": torch.ones(3).storage()}), "RN_UNSUPPORTED", "bare storages")
    refuse("untyped.legacy.pth", legacy({"s": Call("persistent", ("storage", word("torch.UntypedStorage"), "0", "cpu", 4)), "w": one}, [("0", 4, floats(1))]), "RN_UNSUPPORTED", "torch.UntypedStorage")
    write("negative_view.pth", zipped({"n": Call(one.name, *one.arguments, {"neg": True}), "w": Call(one.name, *one.arguments, {"neg": False})}, {"0": floats(1, 2, 3, 4)}))
    expect_tensor("negative_view.pth", "w", torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    expect_metadata("negative_view.pth", **{"rn.opaque": "n (torch._utils._rebuild_tensor_v2)"})


def derived():
    """Dictionaries of a class of their own are dictionaries; their attributes are not looked at."""
    weights = Weights(weight=torch.arange(4.0).reshape(2, 2), bias=torch.ones(2))
    settings = Settings(lr=0.5, names=Settings(first="a"))
    settings.hidden = torch.ones(1)
    tensors = dict(weights)
    both("derived", Settings(epoch=3, state_dict=weights, settings=settings), tensors,
         {"rn.nesting": "state_dict", "epoch": "3", "settings.lr": "0.5", "settings.names.first": "a"})
    write("derived4.pth", saved({"settings": settings, "model": Settings(weights)}, pickle_protocol=4))
    for name, tensor in tensors.items():
        expect_tensor("derived4.pth", name, tensor)
    expect_metadata("derived4.pth", **{"rn.nesting": "model", "settings.lr": "0.5"})
    shared = Settings(weight=torch.ones(2))
    both("derived_shared", {"model": shared, "again": shared}, {"model.weight": torch.ones(2), "again.weight": torch.ones(2)})
    loop = Settings(weight=torch.ones(2))
    loop["self"] = loop
    refuse("derived_loop.pth", saved(loop), "RN_FORMAT", "256 deep")


def keys():
    one = torch.ones(1)
    things = {(1, "a"): one, ("b",): one, (): one, None: one, 0.5: one, True: one, 7: one, b"raw": one, -(2**70): one, torch.float32: one,
              ("x", (2, None)): {"y": one}, frozenset([3]): one, Colour.RED: one, numpy.int64(12): one, "(": [[one, (one, 4)], []]}
    names = ["(1, a)", "(b,)", "()", "None", "0.5", "true", "7", "b'raw'", str(-(2**70)), "torch.float32", "(x, (2, None)).y",
             "__builtin__.frozenset([3])", "__builtin__.getattr(__main__.Colour, RED)", "12", "(.0.0", "(.0.1.0"]
    both("keys", things, dict.fromkeys(names, one), {"(.0.1.1": "4"})


def state_of(net):
    return OrderedDict((name, tensor) for name, tensor in net.state_dict().items())


def modules():
    """torch.save(model), and modules as values."""
    warnings.simplefilter("ignore")  # the legacy container looks for the sources
    torch.manual_seed(3)
    both("module", Halves(), state_of(Halves()))
    halves = state_of(Halves())
    write("module4.pth", saved(Halves(), pickle_protocol=4))
    for name, tensor in halves.items():
        expect_tensor("module4.pth", name, tensor)
    net = torch.nn.Sequential(OrderedDict([("conv", torch.nn.Conv2d(1, 2, 1, bias=False)), ("norm", torch.nn.BatchNorm2d(2)), ("end", torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Linear(2, 1)))]))
    write("network.pth", saved({"epoch": 2, "model": torch.nn.DataParallel(net), "best": 0.5}))
    for name, tensor in state_of(net).items():
        expect_tensor("network.pth", name, tensor)
    expect_metadata("network.pth", **{"rn.nesting": "model", "rn.prefix": "module.", "epoch": "2", "best": "0.5"})
    write("classifier.pth", saved({"classifier": net.end, "state_dict": {"weight": torch.ones(2)}, "rest": [net.norm]}))
    for name, tensor in {"state_dict.weight": torch.ones(2), "classifier.1.weight": net.end[1].weight, "classifier.1.bias": net.end[1].bias}.items():
        expect_tensor("classifier.pth", name, tensor)
    for name, tensor in state_of(net.norm).items():
        expect_tensor("classifier.pth", "rest.0." + name, tensor)
    write("traced.fx.pth", saved(torch.fx.symbolic_trace(net)))
    for name, tensor in state_of(net).items():
        expect_tensor("traced.fx.pth", name, tensor)
    inner = b"(cm\nC\n)\x81q\x00}(U\x0b_parameters}U\x08_buffers}U\x08_modules}(U\x01ah\x00U\x01bh\x00uub"
    refuse("module_circle.pth", zipped(b"\x80\x02" + inner[1:] + b".", {}), "RN_FORMAT", "256 deep")
    layer = b"cm\nC\n)\x81}(U\x0b_parameters}U\x08_buffers}U\x08_modules}(U\x01ah%cU\x01bh%cuubq%c"
    laughs = b"\x80\x02]q\x00" + b"".join(layer % (i, i, i + 1) for i in range(60)) + b"."
    refuse("module_laughs.pth", zipped(laughs.replace(b"]q\x00", b"]K\x01aq\x00", 1), {}), "RN_FORMAT", "repeat far more often")


def without_sources(archive):
    """A TorchScript archive without what is of no interest here, and without gaps."""
    source = zipfile.ZipFile(io.BytesIO(archive))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name in source.namelist():
            if "/code/" not in name:
                target.writestr(zipfile.ZipInfo(name), source.read(name))
    return buffer.getvalue()


class Scripted(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.ModuleList([torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2)])
        self.sizes = [torch.ones(1)]
        self.note = "no metadata"
        self.level = 3

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x * self.sizes[0]


def scripts():
    torch.manual_seed(4)
    net = Scripted()
    for file, thing in (("script.pth", torch.jit.script(net)), ("traced.pth", torch.jit.trace(net.eval(), torch.ones(1, 2)))):
        buffer = io.BytesIO()
        torch.jit.save(thing, buffer)
        write(file, without_sources(buffer.getvalue()))
        for name, tensor in state_of(thing).items():
            expect_tensor(file, name, tensor)
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.freeze(torch.jit.script(net.eval())), buffer)
    refuse("frozen.pth", without_sources(buffer.getvalue()), "RN_UNSUPPORTED", "without parameters of its own")


def refuse(file, data, status, part):
    write(file, data)
    expect_refused(file, status, part)


def refused():
    one = tensor_call("0", 4, (2, 2), (2, 1))
    four = {"0": floats(1, 2, 3, 4)}

    class Harm:
        def __reduce__(self):
            return os.system, ("true",)

    refuse("harm.pth", zipped(pickle.dumps({"weight": Harm()}, 2), {}), "RN_FORMAT", "posix.system")
    refuse("harm4.pth", zipped(pickle.dumps({"weight": Harm()}, 4), {}), "RN_FORMAT", "posix.system")
    refuse("harm.legacy.pth", legacy(Call("posix.system", "true"), []), "RN_FORMAT", "posix.system")
    refuse("complex.pth", saved({"c": torch.zeros(2, dtype=torch.complex64)}), "RN_UNSUPPORTED", "complex")
    refuse("sparse.pth", saved({"s": torch.eye(2).to_sparse()}), "RN_UNSUPPORTED", "sparse")
    refuse("array.pth", saved({"a": numpy.zeros(2)}), "RN_UNSUPPORTED", "numpy arrays")
    refuse("bare.pth", saved(torch.zeros(2)), "RN_UNSUPPORTED", "without a name")
    refuse("number.pth", saved(5), "RN_UNSUPPORTED", "single value")
    refuse("rank9.pth", saved({"deep": torch.zeros([1] * 9)}), "RN_UNSUPPORTED", "9 dimensions")
    refuse("big.pth", zipped({"w": one}, four, byteorder=b"big"), "RN_UNSUPPORTED", "big-endian")
    refuse("absent.pth", zipped({"w": one}, {}), "RN_FORMAT", "'0' is missing")
    refuse("short.pth", zipped({"w": one}, {"0": floats(1, 2, 3)}), "RN_FORMAT", "holds 12 bytes")
    refuse("reach.pth", zipped({"w": tensor_call("0", 4, (2, 2), (3, 1))}, four), "RN_FORMAT", "reaches element 4")
    refuse("offset.pth", zipped({"w": tensor_call("0", 4, (2, 2), (2, 1), offset=1)}, four), "RN_FORMAT", "reaches element 4")
    refuse("negative.pth", zipped({"w": tensor_call("0", 4, (2,), (-1,), offset=3)}, four), "RN_FORMAT", "impossible")
    refuse("overflow.pth", zipped({"w": tensor_call("0", 4, (2**40, 2**40), (0, 0))}, four), "RN_FORMAT", "too large")
    refuse("stride.pth", zipped({"w": tensor_call("0", 4, (3, 3), (2**40, 10**17 * 9))}, four), "RN_FORMAT", "reaches element")
    refuse("twice.pth", zipped({"a.b": one, "a": {"b": one}, "c": one}, four), "RN_FORMAT", "two tensors 'a.b'")
    refuse("twotypes.pth", zipped({"a": one, "b": tensor_call("0", 2, (2,), (1,), kind="DoubleStorage")}, four), "RN_UNSUPPORTED", "two element types")
    refuse("nopickle.pth", zipped({"w": one}, four).replace(b"data.pkl", b"dada.pkl"), "RN_FORMAT", "without data.pkl")
    circle = b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s."
    refuse("circle.pth", zipped(circle, {}), "RN_FORMAT", "256 deep")
    laughs = b"\x80\x02]q\x00" + b"".join(b"]q" + bytes([i + 1]) + b"(h" + bytes([i]) + b"h" + bytes([i]) + b"e" for i in range(100)) + b"."
    refuse("laughs.pth", zipped(laughs, {}), "RN_FORMAT", "repeat far more often")
    refuse("view.legacy.pth", legacy({"w": tensor_call("a", 4, (2,), (1,), view=("v", 3, 2))}, [("a", 4, floats(1, 2, 3, 4))]), "RN_FORMAT", "does not lie inside")
    refuse("cut.legacy.pth", legacy({"w": tensor_call("a", 4, (2,), (1,))}, [("a", 4, floats(1, 2, 3))]), "RN_FORMAT", "cut off")
    refuse("lacking.legacy.pth", legacy({"w": tensor_call("a", 4, (2,), (1,))}, []), "RN_FORMAT", "'a' is missing")
    refuse("surplus.legacy.pth", legacy({}, [("a", 1, floats(1))]), "RN_FORMAT", "belongs to nothing")
    refuse("endian.legacy.pth", legacy({}, [], little=False), "RN_UNSUPPORTED", "big-endian")
    refuse("version.legacy.pth", legacy({}, [], version=1002), "RN_UNSUPPORTED", "1001")
    refuse("magic.legacy.pth", legacy({}, [], magic=dumped(7)), "RN_FORMAT", "not one of torch.save")
    refuse("plain.pkl", pickle.dumps({"a": 1}, 2), "RN_FORMAT", "not one of torch.save")
    refuse("pointer.pth", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "RN_FORMAT", "git-lfs pointer")
    refuse("page.pth", b"<!DOCTYPE html><html>Too many requests</html>", "RN_FORMAT", "web page")
    refuse("empty.pth", b"", "RN_FORMAT", "empty")
    refuse("letters.pth", b"abc", "RN_FORMAT", "neither safetensors")
    whole = zipped({"w": one}, four)
    refuse("cut.pth", whole[:-30], "RN_FORMAT", "cut off")
    refuse("prefixed.pth", b"#!/bin/sh\n" + whole, "RN_FORMAT", "neither safetensors")
    refuse("prefixed_zip.pth", whole[:4] + whole, "RN_FORMAT", "in front of its end")
    refuse("two_pickles.pth", zipped({"w": one}, four, more=["y/data.pkl"]), "RN_FORMAT", "two pickles")
    old = legacy({"w": tensor_call("a", 4, (2,), (1,))}, [("a", 4, floats(1, 2, 3, 4))])
    refuse("both.legacy.pth", old + whole, "RN_FORMAT", "at once")
    write("followed.legacy.pth", old + old)  # torch.save twice into one file
    expect_tensor("followed.legacy.pth", "w", torch.tensor([1.0, 2.0]))
    at = whole.index(floats(1, 2, 3, 4))
    refuse("crc.pth", whole[:at] + b"\xff" + whole[at + 1:], "RN_FORMAT", "CRC")


def main():
    os.makedirs(HERE, exist_ok=True)
    for name in os.listdir(HERE):
        os.remove(os.path.join(HERE, name))
    for make in (dtypes, views, network, nested, protocols, repacked, by_hand, tar, neighbours, derived, keys, modules, scripts, refused):
        make()
    with open(os.path.join(HERE, "expect.tsv"), "w", encoding="utf-8") as f:
        for line in expect:
            f.write("\t".join(line) + "\n")


main()
