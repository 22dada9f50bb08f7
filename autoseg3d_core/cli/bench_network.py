"""`autoseg3d bench-network`: the 3D network alone, each U-Net on each backend, part by part, over a walk."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from autoseg3d_core import build
from autoseg3d_core.cli.arguments import add_settings, positive
from autoseg3d_core.cli.source import open_source
from autoseg3d_core.config import ConfigError
from autoseg3d_core.lifting import LiftingConfig, lift
from autoseg3d_core.mask_makers.geometric import GeometricConfig, GeometricMaskMaker
from autoseg3d_core.models.leftovers import add_leftovers
from autoseg3d_core.models.network import Network
from autoseg3d_core.models.network_shape import NetworkShape
from autoseg3d_core.modules.sparse_unet import SHAPES
from autoseg3d_core.modules.voxel_memory import VoxelMemory, VoxelMemoryAdapter
from autoseg3d_core.sparse.backends import BACKENDS, backend_of
from autoseg3d_core.structures import FragmentCloud
from autoseg3d_core.timing import StageTimer
from autoseg3d_core.visualization.report import text_table

WARM_UP = 2
LEFTOVERS = 20


@dataclass(frozen=True)
class NetworkTimes:
    """The median times of one U-Net on one backend, in milliseconds, and what its memory held at the end.

    `ratio` is the median of the last tenth of the frames over that of the second tenth.
    """

    unet: str
    backend: str
    frames: int
    stages_ms: dict[str, float]
    whole_ms: float
    ratio: float | None
    remembered_voxels: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "source", nargs="?", default="simulation:5000", help="a recording or simulation:SEED, as for replay"
    )
    parser.add_argument("--frames", type=positive, default=12, help="frames to run")
    parser.add_argument("--points", type=positive, default=20_000, help="points per frame")
    parser.add_argument("--unet", nargs="+", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--backend", nargs="+", default=["torch", "spconv"], choices=list(BACKENDS))
    parser.add_argument(
        "--max-voxels", type=positive, default=200_000, help="maximum size of the voxel memory"
    )
    add_settings(parser, "--simulation", "settings of a simulated scene, e.g. rooms=2 frames=100")
    parser.add_argument("--threads", type=positive, default=2, help="number of torch threads")
    parser.add_argument("--device", default="auto", help="torch device; half precision is used on a GPU")
    parser.add_argument("--json", metavar="FILE", help="also write the figures to a JSON file")


def run(args: argparse.Namespace) -> int:
    """Measure each pair, print a table, and write JSON if asked to."""
    torch.set_num_threads(args.threads)
    device = build.device(args.device)
    found = []
    for unet in args.unet:
        for name in args.backend:
            try:
                backend = backend_of(name)
            except ConfigError as error:
                print(f"{name} is left out: {error}")
                continue
            torch.manual_seed(0)
            network = Network(NetworkShape(unet=unet), backend).eval().to(device)
            network = network.halve_unet() if device.type == "cuda" else network
            clouds = _clouds(args, device)
            found.append(_measured(network, name, clouds, args.frames, args.max_voxels))
    stages = list(found[0].stages_ms) if found else []
    rows = [
        (f.unet, f.backend, *f.stages_ms.values(), f.whole_ms, f.ratio or "-", f.remembered_voxels)
        for f in found
    ]
    print(f"{device}, {args.threads} threads, {args.points} points, {args.frames} frames of {args.source}")
    print(text_table(("U-Net", "backend", *stages, "whole ms", "last/early", "remembered"), rows))
    if args.json:
        Path(args.json).write_text(json.dumps([asdict(f) for f in found], indent=2) + "\n", encoding="utf-8")
    return 0


def _clouds(args: argparse.Namespace, device: torch.device) -> Iterator[FragmentCloud]:
    """Yield the fragment clouds of a walk, the geometric mask maker's masks among them."""
    sequence = open_source(args.source, tuple(args.simulation), defaults=(f"frames={args.frames}",))
    mask_maker, lifting = GeometricMaskMaker(GeometricConfig()), LiftingConfig(points=args.points)
    for index in range(args.frames):
        frame = sequence[index % len(sequence)]
        yield add_leftovers(lift(frame, mask_maker(frame), lifting, device), LEFTOVERS)


@torch.inference_mode()
def _measured(
    network: Network, backend: str, clouds: Iterator[FragmentCloud], frames: int, max_voxels: int
) -> NetworkTimes:
    memory = network.new_memory(max_voxels).voxels
    rows = []
    for cloud in tqdm(clouds, total=frames, desc=f"{network.shape.unet} {backend}", disable=None):
        timer = StageTimer()
        memory = _step(network, cloud, memory, timer)
        rows.append(timer.milliseconds())
    rows = rows[WARM_UP:] or rows
    whole = np.array([sum(row.values()) for row in rows])
    tenth = len(whole) // 10
    ratio = np.median(whole[-tenth:]) / np.median(whole[tenth : 2 * tenth]) if tenth else None
    return NetworkTimes(
        unet=network.shape.unet,
        backend=backend,
        frames=len(rows),
        stages_ms={name: round(float(np.median([row[name] for row in rows])), 1) for name in rows[0]},
        whole_ms=round(float(np.median(whole)), 1),
        ratio=None if ratio is None else round(float(ratio), 2),
        remembered_voxels=sum(store.voxels for store in memory.stores),
    )


def _step(network: Network, cloud: FragmentCloud, memory: VoxelMemory, timer: StageTimer) -> VoxelMemory:
    """Run the network as it does itself, with the clock between its parts."""
    device = cloud.xyz.device

    def settled() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    with timer.stage("voxels"):
        tensor, point_rows = network.voxels_of([cloud])
        settled()
    with timer.stage("stem"):
        stem = network.unet.stem(tensor)
        settled()
    with timer.stage("encode"):
        levels = network.unet.encode(stem)
        settled()
    with timer.stage("memory"):
        adapter = network.part(VoxelMemoryAdapter)
        if adapter is not None:
            levels, (memory,) = adapter(levels, [memory])
        settled()
    with timer.stage("decode"):
        features = network.unet.decode(stem, levels).features.to(network.decoder.norm.weight.dtype)
        settled()
    with timer.stage("queries"):
        network.decoder(network.pool(cloud, features[point_rows[0]], None))
        settled()
    return memory
