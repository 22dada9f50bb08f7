"""`autoseg3d bench-mapping`: the published mapping and the vote of segments, on a made-up scan."""

from __future__ import annotations

import argparse
import time

import numpy as np

from autoseg3d_core.cli.arguments import positive
from autoseg3d_core.evaluation.scene_labels import labellings
from autoseg3d_core.structures import LabelledCloud
from autoseg3d_core.visualization.report import text_table

ROOM_M = np.array([8.0, 6.0, 3.0])
BOXES = 60
SEGMENT_M = 0.25
NOISE_M = 0.01


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--vertices", type=positive, default=150_000, help="of the annotated mesh (default: 150000)"
    )
    parser.add_argument(
        "--points", type=positive, default=2_000_000, help="that carry the predicted ids (default: 2000000)"
    )
    parser.add_argument("--repeats", type=positive, default=3, help="times that it is done (default: 3)")


def run(args: argparse.Namespace) -> int:
    """Map a room's predicted points onto its vertices some times, and print how long it took."""
    rng = np.random.default_rng(0)
    truth, predicted = (made_up(rng, count) for count in (args.vertices, args.points))
    cells = np.floor(truth.xyz / SEGMENT_M).astype(np.int64)
    segments = np.unique(cells @ [1, 10**4, 10**8], return_inverse=True)[1].astype(np.int64)
    rows = []
    for number in range(args.repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        labellings(predicted, truth, segments)
        rows.append((number + 1, time.perf_counter() - wall, time.process_time() - cpu))
    print(f"{args.vertices} vertices in {segments.max() + 1} segments, {args.points} points")
    print(text_table(("run", "s", "CPU s"), rows))
    return 0


def made_up(rng: np.random.Generator, count: int) -> LabelledCloud:
    """Return points on the walls of a room and on the boxes in it, all of one box with its id."""
    boxes = np.random.default_rng(1)  # the same room for both clouds
    low = np.vstack([[0, 0, 0], boxes.uniform([0, 0, 0], ROOM_M - 1.2, (BOXES, 3))])
    size = np.vstack([ROOM_M, boxes.uniform(0.2, 1.2, (BOXES, 3))])
    area = size[:, 0] * size[:, 1] + size[:, 1] * size[:, 2] + size[:, 2] * size[:, 0]
    box = rng.choice(len(area), count, p=area / area.sum())
    place = rng.random((count, 3))
    place[np.arange(count), rng.integers(0, 3, count)] = rng.integers(0, 2, count)
    xyz = low[box] + place * size[box] + rng.normal(0, NOISE_M, (count, 3))
    colors = np.zeros((count, 3), np.uint8)
    return LabelledCloud(xyz.astype(np.float32), colors, box, np.zeros(count, np.int64))
