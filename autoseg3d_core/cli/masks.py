"""`autoseg3d masks`: scores a mask maker on simulated frames, and pictures its masks on any source."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from autoseg3d_core import build
from autoseg3d_core.cli.arguments import add_settings, positive
from autoseg3d_core.cli.source import add_config_arguments, expanded, open_source
from autoseg3d_core.evaluation.mask_quality import MaskEvaluation
from autoseg3d_core.visualization.overlay import overlay
from autoseg3d_core.visualization.picture_file import write_picture
from autoseg3d_core.visualization.report import text_table

PICTURE = (480, 360)
PER_ROW = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("source", nargs="+", help="bags, folders, simulation:SEED or simulation:FIRST-LAST")
    parser.add_argument("--frames", type=positive, default=8, help="frames per source, evenly spaced")
    parser.add_argument("--out", help="folder for scores.json and masks.png")
    add_settings(parser, "--simulation", "settings of a simulated scene, e.g. rooms=2 frames=100")
    add_config_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Score and picture; returns the exit code."""
    config = build.load(args.config, tuple(args.set))
    mask_maker = build.mask_maker(config)
    evaluation, times, pictures, counts, known = MaskEvaluation(), [], [], [], False
    for source in tqdm(expanded(args.source), desc="masks", unit="source", disable=None):
        sequence = open_source(source, tuple(args.simulation))
        for index in np.linspace(0, len(sequence) - 1, args.frames).round().astype(int).tolist():
            frame, truth = sequence[index], sequence.truth(index)
            begin = time.perf_counter()
            masks = mask_maker(frame)
            times.append((time.perf_counter() - begin) * 1e3)
            counts.append(len(masks.score))
            if truth is not None:
                known = True
                evaluation.add(masks, truth)
            pictures.append(cv2.resize(overlay(frame.rgb, masks.index + 1, names=False), PICTURE))
    scores = {name: asdict(s) for name, s in evaluation.scores().items()} if known else {}
    rows = [(name, *values.values()) for name, values in scores.items()]
    if rows:
        print(text_table(("against", *next(iter(scores.values()))), rows))
    print(f"{len(times)} frames, {np.mean(counts):.1f} masks each, {np.median(times):.1f} ms median")
    if args.out:
        _write(Path(args.out), scores, pictures)
    return 0


def _write(out: Path, scores: dict[str, dict[str, float]], pictures: list[np.ndarray]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "scores.json").write_text(json.dumps(scores, indent=2) + "\n", encoding="utf-8")
    shown = [pictures[i] for i in np.linspace(0, len(pictures) - 1, min(len(pictures), 16)).astype(int)]
    shown += [np.full_like(shown[0], 255)] * (-len(shown) % PER_ROW)
    sheet = np.vstack([np.hstack(shown[i : i + PER_ROW]) for i in range(0, len(shown), PER_ROW)])
    write_picture(out / "masks.png", sheet)
    print(f"written to {out}: scores.json masks.png")
