"""What a simulated scene, its camera and its sensor are like."""

from __future__ import annotations

from dataclasses import dataclass

from autoseg3d_core.config import setting
from autoseg3d_core.structures import InputError

SPLITS = {
    "train": range(0, 5000),
    "development": range(5000, 6000),
    "validation": range(10000, 11000),
    "other": range(30000, 31000),
    "other-tuning": range(31000, 32000),
}
"""Seeds to train on, to develop with, to report on; and of rooms of another make to report and to tune on."""
APART = ("other", "other-tuning")
"""Styles that have a split of the same name for themselves."""


@dataclass(frozen=True)
class SimulationConfig:
    """A walk through furnished rooms with an RGB-D camera in the hand."""

    style: str = setting(
        "home",
        "what furnishes the rooms: known furniture, nameless things, both, or kinds never trained on",
        choices=("home", "endless", "mixed", *APART),
    )
    path: str = setting(
        "walk",
        "where the camera is: in a hand at eye height, on a robot's mast, in a hand near a table or shelf; "
        "any draws walk or near for each scene",
        choices=("walk", "robot", "near", "any"),
    )
    rooms: int = setting(1, "rooms, joined by doorways", low=1, high=40)
    frames: int = setting(120, "frames of the walk", low=1, high=100000)
    rate_hz: float = setting(10.0, "frames per second", unit="Hz", low=0.5, high=60.0)
    width: int = setting(640, "columns of the images", unit="px", low=16, high=4096)
    height: int = setting(480, "rows of the images", unit="px", low=16, high=4096)
    fov_deg: float = setting(60.0, "horizontal field of view", unit="deg", low=20.0, high=120.0)
    fov_variation_deg: float = setting(5.0, "its random variation between scenes", unit="deg", low=0.0)
    furniture: float = setting(1.0, "share of the furniture that is placed where it fits", low=0.0, high=1.0)
    clutter: float = setting(1.0, "share of the small things on surfaces", low=0.0, high=1.0)
    random_origin: bool = setting(True, "turn and shift the world at random")
    random_light: bool = setting(True, "vary light and exposure between scenes")
    shadows: bool = setting(False, "cast shadows, which doubles the time to render")
    occlusion_shading: bool = setting(True, "darken corners and contacts")
    antialias: int = setting(0, "samples per pixel of the colour image, 0 for one", low=0, high=16)
    moving: str = setting(
        "none",
        "when things move: never, out of the camera's sight, or in it too",
        choices=("none", "unobserved", "observed"),
    )
    moving_share: float = setting(0.4, "share of the movable things that move", low=0.0, high=1.0)
    depth_noise: bool = setting(True, "depth noise that grows with the square of the depth")
    depth_noise_m: float = setting(0.002, "its standard deviation at 1 m", unit="m", low=0.0)
    depth_step_m: float = setting(0.001, "steps of measured depth at 1 m, 0 for none", unit="m", low=0.0)
    edge_holes: bool = setting(True, "no depth at depth edges")
    missing_returns: bool = setting(True, "no depth on grazing, dark and glass surfaces and out of range")
    min_range_m: float = setting(0.3, "nearest depth measured", unit="m", low=0.0)
    max_range_m: float = setting(6.0, "farthest depth measured", unit="m", low=0.1)
    sensor: str = setting(
        "simple",
        "kind of the depth camera; all but simple have noise and holes of their own; any draws one for each "
        "scene, and its faults",
        choices=("simple", "structured", "stereo", "flight", "any"),
    )
    readout_ms: float = setting(0.0, "from the first row of a colour image to the last", unit="ms", low=0.0)
    exposure_ms: float = setting(0.0, "time that each row of it blurs over", unit="ms", low=0.0)
    registration_m: float = setting(0.0, "error of where depth lies in colour", unit="m", low=0.0)
    registration_deg: float = setting(0.0, "error of how it is turned", unit="deg", low=0.0)
    pose_drift_m: float = setting(0.0, "error of the pose that changes slowly", unit="m", low=0.0)
    pose_drift_deg: float = setting(0.0, "the same of its turn", unit="deg", low=0.0)
    pose_jitter: bool = setting(True, "errors of the pose that change from frame to frame")
    pose_jitter_m: float = setting(0.003, "their standard deviation", unit="m", low=0.0)
    pose_jitter_deg: float = setting(0.1, "their standard deviation", unit="deg", low=0.0)
    color_noise: bool = setting(True, "noise, blur and changing exposure of the colour image")
    truth_frames: int = setting(200, "frames, evenly spread, that make the scene's true cloud", low=1)
    truth_voxel_m: float = setting(0.02, "voxel of that cloud", unit="m", low=0.002)
    any_seed: bool = setting(False, "allow seeds that belong to no split")


def split_of(seed: int, style: str = "home", forced: bool = False) -> str:
    """Return the split that a seed belongs to: train, development, validation, other or other-tuning.

    Raises `InputError` for a seed of none, or of a split that is not for this style, unless `forced`, when it
    returns `none`.
    """
    apart = style if style in APART else None
    mine = {name: seeds for name, seeds in SPLITS.items() if (name if name in APART else None) == apart}
    for name, seeds in mine.items():
        if seed in seeds:
            return name
    if forced and seed >= 0:
        return "none"
    known = ", ".join(f"{s.start}-{s.stop - 1} {name}" for name, s in mine.items())
    raise InputError(
        f"seed {seed} belongs to no split of style {style} ({known}): take one of these, or set "
        "any_seed=true (--simulation any_seed=true; --force of synthesize)"
    )
