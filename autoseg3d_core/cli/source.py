"""Where frames come from: a recording of any kind, or `simulation:SEED`, and what is said about it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from autoseg3d_core import build
from autoseg3d_core.cli.arguments import add_settings, rate, setting
from autoseg3d_core.config import load_config
from autoseg3d_core.datasets.calibration_files import camera_from_text
from autoseg3d_core.datasets.live_cameras import LIVE_CAMERAS
from autoseg3d_core.datasets.live_sequence import LiveSequence
from autoseg3d_core.datasets.masked import MaskedSequence
from autoseg3d_core.datasets.open_sequence import format_of, open_sequence
from autoseg3d_core.datasets.rosbag import TOPICS
from autoseg3d_core.datasets.sequence import RgbdSequence
from autoseg3d_core.datasets.source_options import (
    POSE_CONVENTIONS,
    REGISTRATIONS,
    STILL,
    UNITS_PER_METRE,
    SourceOptions,
)
from autoseg3d_core.mask_makers.precomputed import PrecomputedMaskMaker
from autoseg3d_core.pipeline import OnlineSegmenter
from autoseg3d_core.structures import CameraIntrinsics, InputError

SIMULATION, CAMERA = "simulation:", "camera:"


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--config FILE` and `--set section.key=value`."""
    parser.add_argument(
        "--config", metavar="FILE", help="YAML file with parameters, e.g. a copy of config/autoseg3d.yaml"
    )
    add_settings(parser, "--set", "parameters (docs/parameters.md), e.g. lifting.points=10000")


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what a user may say about a recording that its files do not tell, or tell wrongly."""
    group = parser.add_argument_group("options for recordings (docs/recordings.md)")
    group.add_argument("--depth-scale", type=rate, metavar="UNITS", help="depth units per metre, e.g. 1000")
    group.add_argument("--depth-unit", choices=tuple(UNITS_PER_METRE), help="the same, by name")
    group.add_argument("--pose-unit", choices=("m", "cm", "mm"), help="unit of the camera positions")
    group.add_argument(
        "--pose-convention", choices=tuple(POSE_CONVENTIONS), help="what the pose matrices mean"
    )
    group.add_argument(
        "--intrinsics",
        type=camera,
        metavar="CAMERA",
        help="colour camera: fx,fy,cx,cy[,width,height], or a file",
    )
    group.add_argument(
        "--depth-intrinsics",
        type=camera,
        metavar="CAMERA",
        help="the same for the depth camera, to register depth",
    )
    group.add_argument(
        "--depth-offset",
        type=offset,
        metavar="X,Y,Z",
        help="position of the depth camera in the colour camera's axes, in metres",
    )
    group.add_argument("--registration", choices=REGISTRATIONS, help="how to map depth to colour")
    group.add_argument("--swap-colors", action="store_true", help="swap red and blue")
    group.add_argument(
        "--topics",
        metavar="PART=TOPIC",
        nargs="+",
        action="extend",
        type=setting,
        default=[],
        help=f"topics of a bag, for any of {', '.join(TOPICS)}",
    )
    group.add_argument("--target-frame", metavar="FRAME", help="TF frame of the world, for a bag")
    group.add_argument(
        "--camera-frame", metavar="FRAME", help="optical TF frame of the colour camera, for a bag"
    )
    group.add_argument(
        "--poses",
        metavar="FILE",
        help=f"poses of a live camera (seconds x y z qx qy qz qw per line), or {STILL} if it does not move",
    )
    group.add_argument("--strict", action="store_true", help="stop if the first frames look wrong")


def look_over(source: str, sequence: RgbdSequence, is_strict: bool) -> None:
    """Say what looks wrong with the first frames of a recording; raises `InputError` where strict."""
    if source.startswith((SIMULATION, CAMERA)):
        return
    from autoseg3d_core.plausibility.checks import first_frames, suspicions

    for suspicion in suspicions(first_frames(sequence)):
        if is_strict:
            raise InputError(f"{source}: {suspicion} (remove --strict to run anyway)")
        print(f"{source}: looks wrong: {suspicion}", file=sys.stderr)


def camera(text: str) -> CameraIntrinsics:
    """Return a calibration that is typed, or lies in a file."""
    try:
        return camera_from_text(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def offset(text: str) -> tuple[float, float, float]:
    """Return three lengths in metres."""
    try:
        x, y, z = (float(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not X,Y,Z in metres") from error
    return x, y, z


def source_options(args: argparse.Namespace) -> SourceOptions:
    """Return what was said about the recording."""
    if args.depth_scale and args.depth_unit:
        raise InputError("--depth-scale and --depth-unit mean the same: give one of them")
    if args.depth_scale is not None and args.depth_scale < 1:
        raise InputError(
            f"--depth-scale {args.depth_scale:g}: give units per metre, e.g. {1 / args.depth_scale:g}"
        )
    return SourceOptions(
        depth_scale=UNITS_PER_METRE[args.depth_unit] if args.depth_unit else args.depth_scale,
        pose_scale=UNITS_PER_METRE[args.pose_unit] if args.pose_unit else None,
        pose_convention=args.pose_convention,
        intrinsics=args.intrinsics,
        depth_intrinsics=args.depth_intrinsics,
        depth_offset=args.depth_offset,
        registration=args.registration,
        swap_colors=args.swap_colors,
        target_frame=args.target_frame,
        camera_frame=args.camera_frame,
        topics=dict(_part_and_topic(text) for text in args.topics),
        poses=args.poses,
    )


def _part_and_topic(text: str) -> tuple[str, str]:
    part, _, topic = text.partition("=")
    if part not in TOPICS:
        raise InputError(f"--topics {text}: no such input; use one of {', '.join(TOPICS)}")
    return part, topic if topic.startswith("/") else f"/{topic}"


def open_source(
    source: str,
    simulation: tuple[str, ...] = (),
    options: SourceOptions | None = None,
    defaults: tuple[str, ...] = (),
) -> RgbdSequence:
    """Return the frames of a source.

    `simulation` holds what the user sets of a simulated scene, after the command's own `defaults`; `options`
    what they say of a recording. Raises `InputError` where these are said of the other kind of source.
    """
    if not source.startswith(SIMULATION):
        if simulation:
            raise InputError(f"{source}: --simulation is for simulation:SEED, and this is a recording")
        if source.startswith(CAMERA):
            return _open_camera(source, options or SourceOptions())
        if options is not None:
            options.refuse(("poses",), source, "a recording has its own poses")
        sequence = open_sequence(source, options)
        guesses = getattr(sequence, "guesses", ())
        if guesses:
            print(f"{source}: guessed {'; '.join(guesses)}", file=sys.stderr)
        return sequence
    if options is not None:
        names = tuple(field.name for field in fields(options))
        options.refuse(names, source, "a simulated scene needs no corrections")
    seed = source[len(SIMULATION) :]
    if not seed.isdigit():
        raise InputError(f"{source}: write the seed as a whole number, e.g. simulation:5000")
    from autoseg3d_core.simulation.sequence import SimulatedSequence, SimulationConfig  # needs MuJoCo

    scene = SimulatedSequence(int(seed), load_config(SimulationConfig, None, (*defaults, *simulation)))
    scene.renderer()  # tells once, before any frame, what is missing for rendering
    return scene


def _open_camera(source: str, options: SourceOptions) -> LiveSequence:
    """Return what a live camera shows from now on."""
    name = source[len(CAMERA) :]
    if name not in LIVE_CAMERAS:
        raise InputError(f"{source}: no such camera; use {CAMERA}{f' or {CAMERA}'.join(LIVE_CAMERAS)}")
    others = tuple(field.name for field in fields(options) if field.name != "poses")
    options.refuse(others, source, "a live camera needs no corrections")
    if options.poses is None:
        raise InputError(f"{source}: say where it is: --poses FILE, or --poses {STILL} if it does not move")
    poses = None if options.poses == STILL else Path(options.poses)
    if poses is not None and not poses.is_file():
        raise InputError(f"--poses {poses}: no such file")
    return LiveSequence(source, LIVE_CAMERAS[name](), poses)


def expanded(sources: list[str]) -> list[str]:
    """Return simulation:FIRST-LAST as one source per seed; raises `InputError`, once, without MuJoCo."""
    if any(source.startswith(SIMULATION) for source in sources):
        from autoseg3d_core.simulation.gl_context import load_mujoco

        load_mujoco()
    found = []
    for source in sources:
        name, _, seeds = source.partition(":")
        first, dash, last = seeds.partition("-")
        if name == "simulation" and dash and first.isdigit() and last.isdigit():
            found += [f"simulation:{seed}" for seed in range(int(first), int(last) + 1)]
        else:
            found.append(source)
    return found


def scenes_of(sources: Sequence[str]) -> dict[str, str]:
    """Return each scene's source by its name; a folder that only holds scenes stands for all of them.

    Raises `InputError` when two would share a name, or when there is none.
    """
    scenes: dict[str, str] = {}
    for source in expanded([one for given in sources for one in _within(given)]):
        name = source.replace(":", "_") if source.startswith(SIMULATION) else Path(source).resolve().name
        if name in scenes:
            raise InputError(
                f"{scenes[name]} and {source} would both become the scene {name}: rename one, or run "
                "them separately"
            )
        scenes[name] = source
    return scenes


def _within(source: str) -> list[str]:
    """Return the recordings in a folder that is none itself, and any other source as it is."""
    folder = Path(source)
    if source.startswith(SIMULATION) or not folder.is_dir() or _is_recording(folder):
        return [source]
    inside = sorted(p for p in folder.iterdir() if p.is_dir() and p.suffix != ".unfinished")
    return [str(path) for path in inside if _is_recording(path)] or [source]


def _is_recording(path: Path) -> bool:
    try:
        format_of(path)
    except InputError:
        return False
    return True


def online_for(config: build.Config, sequence: RgbdSequence, keep_views: bool = False) -> OnlineSegmenter:
    """Return the pipeline of a config; frames that bring their masks with them need none made."""
    masks = PrecomputedMaskMaker(None) if isinstance(sequence, MaskedSequence) else None
    return build.online_segmenter(config, masks, keep_views)
