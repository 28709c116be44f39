#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How exact Winograd's F(6x6, 3x3) can be in float32, beside F(4x4, 3x3) in the points of lib/kernels/winograd_kernels.h.

usage: winograd_points.py [SECONDS]          (numpy; 25 seconds a start)

From several starts, the seven finite points of F(6, 3) wander to where the rms error is least; each line has the points,
the error relative to the results, and how many times F(4, 3)'s that is. Inputs are behind a ReLU, weights He's, 64
channels, summed in float32 in their order. Rows of the transforms are scaled by powers of two.

Before them: what products of bfloat16 would make of F(2, 3), F(3, 3) and F(4, 3), transformed operands being rounded to
it, beside a convolution in the order of the definition whose operands are.
"""
import itertools
import sys
import time

import numpy as np

TAPS, CHANNELS, TILES, OUTS = 3, 64, 60, 4


def transforms(points, size):
    """A^T, G and B^T of F(size, 3) in these points and infinity (Lavin and Gray, 2015; Toom and Cook)."""
    count = size + TAPS - 1
    out, weights, inputs = np.zeros((size, count)), np.zeros((count, TAPS)), np.zeros((count, count))
    for i, point in enumerate(points):
        others = [other for j, other in enumerate(points) if j != i]
        out[:, i] = point ** np.arange(size)
        weights[i] = point ** np.arange(TAPS) / np.prod([point - other for other in others])
        inputs[i, :count - 1] = np.poly(others)[::-1]
    out[-1, -1] = weights[-1, -1] = 1
    inputs[-1] = np.poly(points)[::-1]
    for i in range(count):
        scale = 2.0 ** np.round(np.log2(np.linalg.norm(inputs[i])))
        inputs[i] /= scale
        weights[i] *= scale
    return [matrix.astype(np.float32) for matrix in (out, weights, inputs)]


def both_sides(matrix, values):
    return matrix @ values @ matrix.T


def bfloat16(values):
    """The nearest bfloat16 numbers, ties to even."""
    bits = values.astype(np.float32).view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)


def convolved(x, w, size):
    return sum(np.einsum("tcab,kc->tkab", x[:, :, i:i + size, j:j + size].astype(float), w[:, :, i, j].astype(float))
               for i in range(TAPS) for j in range(TAPS))


def error(points, size, seed, rounded=lambda values: values):
    """Of Winograd's sums; without points of the definition's, both with operands of products that are rounded."""
    random = np.random.default_rng(seed)
    side = size + TAPS - 1
    x = np.maximum(random.standard_normal((TILES, CHANNELS, side, side)), 0).astype(np.float32)
    w = (random.standard_normal((OUTS, CHANNELS, TAPS, TAPS)) * np.sqrt(2 / 9 / CHANNELS)).astype(np.float32)
    expected = convolved(x, w, size)
    if points is None:
        return np.sqrt(np.mean((convolved(rounded(x), rounded(w), size) - expected) ** 2) / np.mean(expected ** 2))
    out, to_weights, to_inputs = transforms(np.array(points), size)
    planes_x, planes_w = rounded(both_sides(to_inputs, x)), rounded(both_sides(to_weights, w))
    sums = np.zeros((TILES, OUTS, side, side), np.float32)
    for c in range(CHANNELS):
        sums += planes_x[:, None, c] * planes_w[None, :, c]
    return np.sqrt(np.mean((both_sides(out, sums) - expected) ** 2) / np.mean(expected ** 2))


def mean_error(points, size):
    return np.mean([error(points, size, seed) for seed in (100, 101)])


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 25
    root = 2 ** 0.5
    print(f"bfloat16, definition: {error(None, 4, 100, bfloat16):.2e}")
    for points in [(0, 1, -1), (0, 1, -1, 2), (0, 1 / root, -1 / root, root), (0, 1 / root, -1 / root, root, -root)]:
        size = len(points) - 1
        print(f"bfloat16, F({size}, 3) {np.round(points, 3)}: {error(points, size, 100, bfloat16):.2e}")
    four = mean_error((0, 1 / root, -1 / root, root, -root), 4)
    print(f"F(4, 3): {four:.2e}")
    random = np.random.default_rng(5)
    for start in [(0, .5, -.5, 1, -1, 2, -2), (0, .55, -.55, 1.1, -1.1, 2, -2), (0, .6, -.6, 1, -1, 1.7, -1.7),
                  (0, .45, -.6, .95, -1.1, 1.8, -2), (.1, .6, -.5, 1.2, -1, 2, -2)]:
        points, step, end = np.array(start, float), .15, time.time() + seconds
        least = mean_error(points, 6)
        while time.time() < end:
            tried = points + random.normal(0, step, 7) * (random.random(7) < .4)
            if min(abs(a - b) for a, b in itertools.combinations(tried, 2)) < .1:
                continue
            found = mean_error(tried, 6)
            if found < least:
                points, least = tried, found
            else:
                step = max(.01, step * .995)
        print(np.round(points, 3), f"{least:.2e} {least / four:.1f}", flush=True)


if __name__ == "__main__":
    main()
