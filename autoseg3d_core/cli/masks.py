"""`autoseg3d masks`: scores a mask maker on simulated frames, and pictures its masks on any source."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from autoseg3d_core import build
from autoseg3d_core.cli.arguments import add_settings, positive
from autoseg3d_core.cli.source import add_config_arguments, open_source, scenes_of
from autoseg3d_core.datasets.sequence import RgbdSequence
from autoseg3d_core.evaluation.mask_quality import MaskEvaluation
from autoseg3d_core.running import MasksOf
from autoseg3d_core.running import run as run_frames
from autoseg3d_core.structures import Frame, InputError, MaskImage
from autoseg3d_core.visualization.overlay import overlay
from autoseg3d_core.visualization.picture_file import write_picture
from autoseg3d_core.visualization.report import text_table

PICTURE = (480, 360)
PER_ROW = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "source", nargs="+", help="scenes, folders of scenes, bags, simulation:SEED or simulation:FIRST-LAST"
    )
    parser.add_argument("--frames", type=positive, default=8, help="frames per source, evenly spaced")
    parser.add_argument("--out", help="folder for scores.json and masks.png")
    add_settings(parser, "--simulation", "settings of a simulated scene, e.g. rooms=2 frames=100")
    add_config_arguments(parser)


class MaskScoring:
    """A sink that scores masks where the truth is known; one that cannot be used is named and left out."""

    def __init__(self, sequence: RgbdSequence, evaluation: MaskEvaluation) -> None:
        self._sequence, self._evaluation = sequence, evaluation
        self.scored = 0

    def take(self, index: int, frame: Frame, masks: MaskImage) -> None:
        """Score one frame."""
        try:
            truth = self._sequence.truth(index)
        except InputError as error:
            print(f"frame {index} not scored: {error}", file=sys.stderr)
            return
        if truth is not None:
            self._evaluation.add(masks, truth)
            self.scored += 1


@dataclass
class MaskPictures:
    """A sink that counts masks and lays them over the images."""

    counts: list[int] = field(default_factory=list)
    pictures: list[np.ndarray] = field(default_factory=list)

    def take(self, index: int, frame: Frame, masks: MaskImage) -> None:
        """Picture one frame."""
        self.counts.append(len(masks.score))
        self.pictures.append(cv2.resize(overlay(frame.rgb, masks.index + 1, captions=False), PICTURE))


def run(args: argparse.Namespace) -> int:
    """Score and picture; returns the exit code."""
    step = MasksOf(build.mask_maker(build.load(args.config, tuple(args.set))))
    evaluation, pictures, left_out = MaskEvaluation(), MaskPictures(), Counter[str]()
    scored, interrupted = 0, False
    for source in tqdm(scenes_of(args.source).values(), desc="masks", unit="source", disable=None):
        try:
            sequence = open_source(source, tuple(args.simulation))
            scoring = MaskScoring(sequence, evaluation)
            record = run_frames(sequence, step, (scoring, pictures), _evenly(len(sequence), args.frames))
        except InputError as error:
            print(f"{source} left out: {error}", file=sys.stderr)
            left_out["source"] += 1
            continue
        scored, interrupted = scored + scoring.scored, record.interrupted
        left_out += record.skipped
        if interrupted:
            break
    if not pictures.counts:
        raise InputError(f"no frame of {', '.join(args.source)} could be used")
    scores = {name: asdict(s) for name, s in evaluation.scores().items()} if scored else {}
    _say(scores, pictures.counts, step.ms, left_out)
    if args.out:
        _write(Path(args.out), scores, pictures.pictures)
    return 130 if interrupted else 0


def _say(
    scores: dict[str, dict[str, float]], counts: list[int], ms: list[float], left_out: Counter[str]
) -> None:
    rows = [(name, *values.values()) for name, values in scores.items()]
    if rows:
        print(text_table(("against", *next(iter(scores.values()))), rows))
    causes = ", ".join(f"{count} {cause}" for cause, count in left_out.items()) or "none"
    print(
        f"{len(counts)} frames, {np.mean(counts):.1f} masks each, {np.median(ms):.1f} ms median; "
        f"left out: {causes}"
    )


def _evenly(frames: int, wanted: int) -> list[int]:
    """Return the indices of so many frames, evenly spaced, first and last included."""
    return list(dict.fromkeys(np.linspace(0, frames - 1, wanted).round().astype(int).tolist()))


def _write(out: Path, scores: dict[str, dict[str, float]], pictures: list[np.ndarray]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "scores.json").write_text(json.dumps(scores, indent=2) + "\n", encoding="utf-8")
    shown = [pictures[i] for i in np.linspace(0, len(pictures) - 1, min(len(pictures), 16)).astype(int)]
    shown += [np.full_like(shown[0], 255)] * (-len(shown) % PER_ROW)
    sheet = np.vstack([np.hstack(shown[i : i + PER_ROW]) for i in range(0, len(shown), PER_ROW)])
    write_picture(out / "masks.png", sheet)
    print(f"written to {out}: scores.json masks.png")
