"""`autoseg3d bench-association`: everything after the decoder, on made-up instances that come and go."""

from __future__ import annotations

import argparse
import resource
from dataclasses import dataclass

import numpy as np
import torch
from tqdm import tqdm

from autoseg3d_core import build
from autoseg3d_core.cli.arguments import positive
from autoseg3d_core.models.autoseg3d import AutoSeg3D, QueryRows
from autoseg3d_core.models.interface import Sighting
from autoseg3d_core.models.network import Network
from autoseg3d_core.models.network_shape import NetworkShape
from autoseg3d_core.modules.track_association import AssociationShape
from autoseg3d_core.structures import FrameInstances, Memory
from autoseg3d_core.timing import StageTimer
from autoseg3d_core.tracking.assignment import Assigner
from autoseg3d_core.tracking.lifecycle import TracksConfig, advance
from autoseg3d_core.visualization.report import text_table

SPACING_M = 1.5
"""Objects stand this far apart along a long corridor."""
OBJECT_M = 0.8
NOISE_M = 0.03


@dataclass
class Corridor:
    """Objects along a corridor, each with a look of its own; a frame sees a stretch of them."""

    channels: int
    seen: int
    rng: np.random.Generator

    def instances(self, first: int) -> FrameInstances:
        """Return the instances of a frame that sees the objects from `first` on."""
        number = first + np.arange(self.seen)
        center = np.stack([number * SPACING_M, np.zeros(self.seen), np.ones(self.seen)], axis=1)
        center += self.rng.normal(0, NOISE_M, center.shape)
        boxes = torch.from_numpy(np.hstack([center - OBJECT_M / 2, center + OBJECT_M / 2])).float()
        looks = np.stack([np.random.default_rng(int(n)).normal(size=self.channels) for n in number])
        looks += self.rng.normal(0, 0.3, looks.shape)
        return FrameInstances(
            masks=torch.ones(self.seen, 1, dtype=torch.bool),
            scores=torch.full((self.seen,), 0.8),
            labels=torch.zeros(self.seen, dtype=torch.int64),
            world_boxes=boxes,
            centroids=torch.from_numpy(center).float(),
            description=QueryRows(torch.from_numpy(looks).float(), boxes),
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--frames", type=positive, default=1000, help="frames (default: %(default)s)")
    parser.add_argument(
        "--tracks", type=positive, default=500, help="maximum number of tracks (default: %(default)s)"
    )
    parser.add_argument(
        "--instances", type=positive, default=20, help="instances per frame (default: %(default)s)"
    )
    parser.add_argument(
        "--every",
        type=positive,
        default=4,
        help="a new object appears every n-th frame (default: %(default)s)",
    )
    parser.add_argument("--weights", help="trained weights (default: random weights)")
    parser.add_argument("--threads", type=positive, default=2, help="number of torch threads")


@torch.inference_mode()
def run(args: argparse.Namespace) -> int:
    """Measure, print a table; returns the exit code, 1 when an id came twice or too many tracks were held."""
    torch.set_num_threads(args.threads)
    model, assigner = _model(args.weights)
    tracks = TracksConfig(max_tracks=args.tracks)
    corridor = Corridor(model.network.shape.query_channels, args.instances, np.random.default_rng(0))
    memory, nothing = Memory.empty(model.empty_rows()), torch.zeros(0, dtype=torch.int64)
    times, born, most, megabytes = [], 0, 0, []
    for frame in tqdm(range(args.frames), unit="frame", disable=None):
        found, before = corridor.instances(frame // args.every), memory.next_id
        timer = StageTimer()
        with timer.stage("associate"):
            association = model.associate(found, memory, Sighting(nothing, nothing))
        with timer.stage("assign"):
            assignment = assigner(association.affinity, association.stage)
        with timer.stage("advance"):
            change = advance(memory, found, association, assignment, tracks, frame + 1)
        memory = change.memory
        times.append(timer.milliseconds())
        fresh = [event.track_id for event in change.events if event.kind.name == "CREATED"]
        if fresh != list(range(before, memory.next_id)):
            print(f"frame {frame}: ids {fresh} were issued, {before} was the next")
            return 1
        born, most = born + len(fresh), max(most, len(memory.tracks))
        if frame % max(1, args.frames // 10) == 0:
            megabytes.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    _print(times, args)
    early = megabytes[min(1, len(megabytes) - 1)]
    print(f"{born} tracks born, {most} held at most, peak memory {early:.0f} -> {megabytes[-1]:.0f} MB")
    return int(most > args.tracks)


def _model(weights: str | None) -> tuple[AutoSeg3D, Assigner]:
    """Return the model of some weights, or one whose association has learned nothing."""
    if weights:
        settings = ("model.name=autoseg3d", f"model.network.weights={weights}", "device=cpu")
        config = build.load(None, settings)
        return build.autoseg3d(config)
    torch.manual_seed(0)
    shape = NetworkShape(unet="edge", query_channels=128, association=AssociationShape())
    return build.autoseg3d(build.Config(), Network(shape))


def _print(times: list[dict[str, float]], args: argparse.Namespace) -> None:
    whole = np.array([sum(row.values()) for row in times])
    tenth = max(1, len(whole) // 10)
    rows = [(name, np.median([row[name] for row in times])) for name in times[0]]
    rows.append(("whole", np.median(whole)))
    print(f"{args.frames} frames, {args.instances} instances each, {args.threads} threads")
    print(text_table(("stage", "median ms"), [(name, round(float(ms), 2)) for name, ms in rows]))
    early, late = np.median(whole[2 * tenth : 3 * tenth]), np.median(whole[-tenth:])
    print(f"last tenth {late:.2f} ms, third tenth {early:.2f} ms, ratio {late / early:.2f}")
