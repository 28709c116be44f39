#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes tests/train/scores.h: what scikit-learn counts of answers (made with scikit-learn 1.9).

Class 4 is never answered, class 5 has no photo but is answered, class 6 has neither. The logits are eighths, no two of a row are equal.

    python3 tests/train/make_scores.py > tests/train/scores.h
"""
import warnings

import numpy
from sklearn import metrics

PHOTOS, CLASSES = 60, 7
warnings.filterwarnings("ignore")


def logits_and_labels():
    draw = numpy.random.RandomState(3)
    labels = draw.randint(0, 5, PHOTOS)
    rows = numpy.array([draw.permutation(64)[:CLASSES] for _ in range(PHOTOS)]) / 8.0 - 4
    for i, label in enumerate(labels):
        if draw.rand() < 0.5:
            rows[i, label] = 4 + draw.randint(0, 16) / 8.0
        rows[i, 4] = min(rows[i, 4], rows[i, :4].min()) - 0.125
        rows[i, 6] = rows[i].min() - 0.5
    return rows, labels


def array(kind, name, values, shape=""):
    print(f"static const {kind} {name}{shape or f'[{len(values)}]'} = {{")
    texts = [repr(float(v)) if kind == "double" else f"{float(v)}f" if kind == "float" else str(int(v)) for v in values]
    for i in range(0, len(texts), 10):
        print("    " + ", ".join(texts[i:i + 10]) + ",")
    print("};")


def main():
    rows, labels = logits_and_labels()
    answers = rows.argmax(1)
    every = numpy.arange(CLASSES)
    print("/* SPDX-License-Identifier: MIT */")
    print("/* Made by make_scores.py: logits, labels, and what scikit-learn counts of them. */")
    print("/* clang-format off */\n")
    print(f"enum {{ PHOTOS = {PHOTOS}, CLASSES = {CLASSES} }};\n")
    array("float", "logits", rows.ravel())
    array("int64_t", "labels", labels)
    array("int64_t", "confusion", metrics.confusion_matrix(labels, answers, labels=every).ravel())
    scores = metrics.precision_recall_fscore_support(labels, answers, labels=every)
    for name, values in zip(("precision", "recall", "f1"), scores):
        array("double", name, values)
    array("int64_t", "support", scores[3])
    for average in ("macro", "weighted"):
        array("double", average, metrics.precision_recall_fscore_support(labels, answers, average=average)[:3])
    array("double", "top", [metrics.top_k_accuracy_score(labels, rows, k=k, labels=every) for k in range(1, CLASSES)])
    odds = numpy.exp(rows - rows.max(1, keepdims=True))
    probability = odds / odds.sum(1, keepdims=True)
    array("double", "probability", probability.max(1))
    array("double", "label_probability", probability[numpy.arange(PHOTOS), labels])


main()
