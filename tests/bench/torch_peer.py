#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""One figure of a peer on this machine's CPU, for ratios: the same work as our program bench, in PyTorch's best layout (channels_last).

usage: torch_peer.py ARCH MODE [--batch 8] [--threads 2] [--size 224] [--runs 5] [--engine torch] [--precision fp32]
ENGINE: torch; compile (torch.compile); onnxruntime, openvino (infer only, of the exported network).
MODE: infer; train (a full step: forward, loss, backward, Adam); frozen (the same, only the head trainable, batch norm in eval mode).
Freed memory is kept in the process (glibc's default hands it back to the kernel after every layer, which costs PyTorch up to half its speed).
Prints one JSON line. Needs Debian's python3-torch and python3-torchvision; or, for today's versions and the other engines, an environment made by
python3 -m venv DIR && DIR/bin/pip install torch torchvision onnx onnxruntime openvino, and this called with DIR/bin/python.
"""
import argparse, json, os, resource, statistics, sys, tempfile, time

KEEP_MEMORY = dict(MALLOC_MMAP_MAX_="0", MALLOC_TRIM_THRESHOLD_="100000000000", MALLOC_TOP_PAD_="1000000000")

parser = argparse.ArgumentParser()
parser.add_argument("arch")
parser.add_argument("mode", choices=["infer", "train", "frozen"])
parser.add_argument("--batch", type=int, default=8)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--size", type=int, default=0, help="224, or 299 for inception_v3")
parser.add_argument("--runs", type=int, default=5)
parser.add_argument("--engine", choices=["torch", "compile", "onnxruntime", "openvino"], default="torch")
parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
args = parser.parse_args()

if any(os.environ.get(k) != v for k, v in KEEP_MEMORY.items()):
    os.execve(sys.executable, [sys.executable] + sys.argv, {**os.environ, **KEEP_MEMORY})

import torch, torchvision

torch.set_num_threads(args.threads)
torch.manual_seed(0)
is_inception = args.arch == "inception_v3"
size = args.size or (299 if is_inception else 224)
model = getattr(torchvision.models, args.arch)(num_classes=102, **({"init_weights": False} if is_inception else {}))
model = model.to(memory_format=torch.channels_last)
x = torch.randn(args.batch, 3, size, size).to(memory_format=torch.channels_last)
y = torch.randint(0, 102, (args.batch,))


def exported():
    """A file that goes with the process."""
    path = os.path.join(tempfile.mkdtemp(), args.arch + ".onnx")
    torch.onnx.export(model.eval(), (x.contiguous(),), path, input_names=["x"], output_names=["y"], dynamo=False, opset_version=17)
    return path


def onnxruntime_step():
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = args.threads, 1
    session = onnxruntime.InferenceSession(exported(), options, providers=["CPUExecutionProvider"])
    images = x.contiguous().numpy()
    return lambda: session.run(None, {"x": images})


def openvino_step():
    import openvino
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(exported()), "CPU", {
        "INFERENCE_NUM_THREADS": args.threads, "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "bf16" if args.precision == "bf16" else "f32"})
    request, images = compiled.create_infer_request(), x.contiguous().numpy()
    return lambda: request.infer({0: images})


def is_head(name):
    """What our programs train when the backbone is frozen: the layer that fine-tuning replaces."""
    if args.arch == "alexnet" or args.arch.startswith("vgg"):
        return name.startswith("classifier.6.")
    return name.startswith(("fc.", "classifier.", "AuxLogits.fc."))


def loss_of(outputs):
    if is_inception:
        return torch.nn.functional.cross_entropy(outputs[0], y) + 0.4 * torch.nn.functional.cross_entropy(outputs[1], y)
    return torch.nn.functional.cross_entropy(outputs, y)


if args.engine in ("onnxruntime", "openvino"):
    assert args.mode == "infer"
    step = onnxruntime_step() if args.engine == "onnxruntime" else openvino_step()
elif args.mode == "infer":
    model.eval()
    if args.precision == "bf16":
        model, x = model.bfloat16(), x.bfloat16()
    if args.engine == "compile":
        import torch._inductor.config
        torch._inductor.config.freezing = True
        model = torch.compile(model)

    def step():
        with torch.no_grad():
            model(x)
else:
    model.train()
    if args.mode == "frozen":
        for name, parameter in model.named_parameters():
            parameter.requires_grad = is_head(name)
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.eval()
    adam = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-4)
    if args.engine == "compile":
        model = torch.compile(model)

    def step():
        adam.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=args.precision == "bf16"):
            outputs = model(x)
        loss_of(tuple(o.float() for o in outputs[:2]) if is_inception else outputs.float()).backward()
        adam.step()

step()
step()
times = []
for _ in range(args.runs):
    start = time.perf_counter()
    step()
    times.append(time.perf_counter() - start)
print(json.dumps(dict(images_per_second=args.batch / statistics.median(times),
                      peak_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)))
