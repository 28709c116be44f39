#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Accuracy of a new head over many seeds, ours and PyTorch's: one seed says little, since two differ by more than the libraries do.

usage: head_seeds.py RESNET PHOTOS WEIGHTS SEEDS     (RESNET: build/release/bin/resnet; SqueezeNet's weights; 10 seeds take minutes)

Four frozen epochs of squeezenet1_0 with the tutorial's recipe at 1e-3, on photos as validation sees them, so that what the backbone makes of them
is computed once and everything that is left is what a seed decides: the head, dropout, the order. Prints mean and standard deviation over seeds.
"""
import json, os, statistics, subprocess, sys, tempfile

import torch
import torchvision
from torch.nn.functional import cross_entropy

PIPELINE = "Resize(256), CenterCrop(224), ToTensor(), Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))"
EPOCHS, LR, BATCH = 4, 1e-3, 8
NAMES = ("train_loss", "train_accuracy", "valid_loss", "valid_accuracy")


def ours(resnet, photos, weights, seed, folder):
    out = os.path.join(folder, "run%d" % seed)
    command = [resnet, "train", photos, "--arch", "squeezenet1_0", "--weights", weights, "--frozen-epochs", str(EPOCHS), "--epochs", "0",
               "--frozen-lr", str(LR), "--batch", str(BATCH), "--training-pipeline", PIPELINE, "--seed", str(seed), "--out", out,
               "--feature-memory", "2G", "--features", os.path.join(folder, "features"), "--no-report"]
    subprocess.run(command, check=True, capture_output=True)
    with open(os.path.join(out, "history.jsonl")) as history:
        last = json.loads(history.readlines()[-1])
    return [last[name] for name in NAMES]


def features(photos, weights):
    T = torchvision.transforms
    pipeline = T.Compose([T.Resize(256), T.CenterCrop(224), T.ToTensor(), T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])
    network = torchvision.models.squeezenet1_0()
    network.load_state_dict(torch.load(weights))
    network.eval()
    for split in ("train", "valid"):
        folder = torchvision.datasets.ImageFolder(os.path.join(photos, split), pipeline)
        parts = []
        with torch.no_grad():
            for images, labels in torch.utils.data.DataLoader(folder, batch_size=16):
                parts.append((network.features(images), labels))
        yield torch.cat([x for x, _ in parts]), torch.cat([y for _, y in parts])


def theirs(train, valid, seed):
    torch.manual_seed(seed)
    classes = int(train[1].max()) + 1
    head = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Conv2d(512, classes, 1), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1),
                               torch.nn.Flatten())
    adam = torch.optim.Adam(head.parameters(), LR)
    for _ in range(EPOCHS):
        head.train()
        loss_sum = right = 0
        for batch in torch.randperm(len(train[1])).split(BATCH):
            logits, labels = head(train[0][batch]), train[1][batch]
            loss = cross_entropy(logits, labels)
            adam.zero_grad()
            loss.backward()
            adam.step()
            loss_sum += loss.item() * len(labels)
            right += (logits.argmax(1) == labels).sum().item()
    head.eval()
    with torch.no_grad():
        logits = torch.cat([head(part) for part in valid[0].split(32)])
    return [loss_sum / len(train[1]), right / len(train[1]), cross_entropy(logits, valid[1]).item(),
            (logits.argmax(1) == valid[1]).float().mean().item()]


def main():
    resnet, photos, weights, seeds = sys.argv[1], sys.argv[2], sys.argv[3], range(int(sys.argv[4]))
    train, valid = features(photos, weights)
    with tempfile.TemporaryDirectory() as folder:
        rows = {"ours": [ours(resnet, photos, weights, seed, folder) for seed in seeds],
                "PyTorch": [theirs(train, valid, seed) for seed in seeds]}
    for side, values in rows.items():
        print("%-8s" % side + "".join("  %s %.4f +- %.4f" % (name, statistics.mean(column), statistics.stdev(column))
                                      for name, column in zip(NAMES, zip(*values))))


main()
