"""Selection and the published merging, a mask and an instance at a time, in double precision."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment


@dataclass
class Found:
    """What selection leaves of a frame: rows of query, label, score and mask."""

    query: list[int]
    labels: list[int]
    scores: list[float]
    masks: list[np.ndarray]


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def reference_select(class_logits, mask_logits, top_k, mask_threshold, score_threshold, min_points) -> Found:
    """Top-k over queries and classes, surety of the mask, linear matrix NMS per label, thresholds."""
    chance = softmax(class_logits)[:, :-1]
    classes = chance.shape[1]
    flat = np.argsort(-chance.ravel(), kind="stable")[:top_k]
    soft = 1 / (1 + np.exp(-mask_logits))
    rows = []
    for cell in flat.tolist():
        query, label = divmod(cell, classes)
        on = mask_logits[query] > 0
        surety = soft[query][on].sum() / (on.sum() + 1e-6)
        rows.append((chance[query, label] * surety, query, label))
    rows.sort(key=lambda row: -row[0])

    def overlap(a, b):
        if rows[a][2] != rows[b][2]:
            return 0.0
        p, q = soft[rows[a][1]], soft[rows[b][1]]
        return p @ q / max(p.sum() + q.sum() - p @ q, 1e-6)

    found = Found([], [], [], [])
    worst = [max([overlap(k, i) for k in range(i)], default=0.0) for i in range(len(rows))]
    scored = []
    for j, (score, query, label) in enumerate(rows):
        decays = [(1 - overlap(i, j)) / max(1 - worst[i], 1e-6) for i in range(j) if overlap(i, j) > 0]
        scored.append((score * min([1.0, *decays]), query, label))
    for score, query, label in sorted(scored, key=lambda row: -row[0]):
        mask = soft[query] > mask_threshold
        if score > score_threshold and mask.sum() > min_points:
            found.query.append(query)
            found.labels.append(label)
            found.scores.append(score)
            found.masks.append(mask)
    return found


def iou(a, b):
    low, high = np.maximum(a[:3], b[:3]), np.minimum(a[3:], b[3:])
    common = np.prod(np.maximum(high - low, 0))
    return common / (np.prod(a[3:] - a[:3]) + np.prod(b[3:] - b[:3]) - common)


class PublishedMerging:
    """The merging of method and paper, an instance at a time and in double precision."""

    def __init__(self):
        self.rows, self.labels, self.scores, self.counts = [], [], [], []

    def take(self, rows, labels, scores):
        """Add a frame's instances: rows of an embedding and a box's corners."""
        fit = np.array(
            [
                [
                    max(0.0, own[:-6] @ new[:-6] * iou(own[-6:], new[-6:])) * (label == mine)
                    for new, label in zip(rows, labels, strict=True)
                ]
                for own, mine in zip(self.rows, self.labels, strict=True)
            ]
        ).reshape(len(self.rows), len(rows))
        matched = {}
        if fit.size:
            for track, new in zip(*linear_sum_assignment(fit, maximize=True), strict=True):
                if fit[track, new] > 0:
                    matched[new] = track
        for new, row in enumerate(rows):
            if new not in matched:
                self.rows.append(row)
                self.labels.append(labels[new])
                self.scores.append(float(scores[new]))
                self.counts.append(0)
                continue
            track = matched[new]
            self.counts[track] += 1
            count = self.counts[track]
            self.rows[track] = (self.rows[track] * count + row) / (count + 1)
            self.scores[track] = (self.scores[track] * count + float(scores[new])) / (count + 1)
