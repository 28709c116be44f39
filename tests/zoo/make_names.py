# SPDX-License-Identifier: MIT
"""Writes names.txt, the oracle of test_catalogue.c: every state dict of the zoo, in order, as PyTorch has it.

    python3 make_names.py > names.txt        (torch, torchvision)

A line is "network <name> <number of parameters>", then "<entry> <size> <size> ..." for each entry.
The CIFAR networks are written down here from github.com/akamaster/pytorch_resnet_cifar10 (resnet.py, option A):
torchvision has none.
"""
import torch
import torchvision


class Block(torch.nn.Module):
    def __init__(self, before, planes, stride):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(before, planes, 3, stride, 1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(planes)
        self.conv2 = torch.nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = torch.nn.BatchNorm2d(planes)


class CifarResNet(torch.nn.Module):
    def __init__(self, blocks):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(16)
        before = 16
        for stage, planes in enumerate((16, 32, 64), 1):
            layers = []
            for i in range(blocks):
                layers.append(Block(before, planes, 2 if stage > 1 and i == 0 else 1))
                before = planes
            setattr(self, f"layer{stage}", torch.nn.Sequential(*layers))
        self.linear = torch.nn.Linear(64, 10)


def plain(network):
    """The paper's plain networks: without shortcuts, so without what they need."""
    for module in network.modules():
        if hasattr(module, "downsample"):
            module.downsample = None
    return network


def write(name, network):
    print("network", name, sum(p.numel() for p in network.parameters()))
    for entry, tensor in network.state_dict().items():
        print(entry, *tensor.shape)


MODELS = torchvision.models
for name in ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d", "resnext101_32x8d", "wide_resnet50_2", "wide_resnet101_2"):
    write(name, getattr(MODELS, name)())
for depth in (50, 101, 152):  # the stride stands elsewhere, names and shapes are the same
    write(f"resnet{depth}_v1", getattr(MODELS, f"resnet{depth}")())
for depth in (18, 34):
    write(f"plain{depth}", plain(getattr(MODELS, f"resnet{depth}")()))
for name in ("alexnet", "vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn", "squeezenet1_0", "squeezenet1_1",
             "densenet121", "densenet161", "densenet169", "densenet201"):
    write(name, getattr(MODELS, name)())
write("inception_v3", MODELS.inception_v3(init_weights=False))
for depth in (20, 32, 44, 56, 110):
    write(f"cifar_resnet{depth}", CifarResNet((depth - 2) // 6))
for depth in (20, 56):
    write(f"cifar_plain{depth}", CifarResNet((depth - 2) // 6))
