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


def write(name, network):
    print("network", name, sum(p.numel() for p in network.parameters()))
    for entry, tensor in network.state_dict().items():
        print(entry, *tensor.shape)


for name in ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "squeezenet1_0"):
    write(name, getattr(torchvision.models, name)())
for depth in (20, 32, 44, 56, 110):
    write(f"cifar_resnet{depth}", CifarResNet((depth - 2) // 6))
