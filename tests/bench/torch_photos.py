#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What bench_photos does, with torchvision on Pillow's pictures, on one thread.

usage: torch_photos.py train|valid ROUNDS PHOTO...     (the tutorial's training pipeline, or its validation)
"""
import statistics, sys, time

import torch
from PIL import Image
from torchvision import transforms as T

torch.set_num_threads(1)
end = [T.ToTensor(), T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]
pipelines = {
    "train": T.Compose([T.Resize(256), T.RandomRotation(45), T.CenterCrop(224), T.RandomHorizontalFlip(), T.RandomVerticalFlip(),
                        T.ColorJitter(0.2, 0.1, 0.1, 0.1), T.RandomGrayscale(0.025)] + end),
    "valid": T.Compose([T.Resize(256), T.CenterCrop(224)] + end),
}
rates = []
for _ in range(int(sys.argv[2])):
    begun = time.perf_counter()
    for path in sys.argv[3:]:
        pipelines[sys.argv[1]](Image.open(path).convert("RGB"))
    rates.append(len(sys.argv[3:]) / (time.perf_counter() - begun))
print("%.1f photos/s" % statistics.median(rates))
