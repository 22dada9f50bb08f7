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
        "what the rooms are furnished with: known furniture (home), random things without a class "
        "(endless), both (mixed), or kinds that are never trained on (other, other-tuning)",
        choices=("home", "endless", "mixed", *APART),
    )
    path: str = setting(
        "walk",
        "how the camera moves: handheld at eye height (walk), on a robot's mast (robot), handheld "
        "near a table or shelf (near), or walk or near at random for each scene (any)",
        choices=("walk", "robot", "near", "any"),
    )
    rooms: int = setting(1, "number of rooms, connected by doorways", low=1, high=40)
    frames: int = setting(120, "number of frames", low=1, high=100000)
    rate_hz: float = setting(10.0, "frames per second", unit="Hz", low=0.5, high=60.0)
    width: int = setting(640, "image width", unit="px", low=16, high=4096)
    height: int = setting(480, "image height", unit="px", low=16, high=4096)
    fov_deg: float = setting(60.0, "horizontal field of view", unit="deg", low=20.0, high=120.0)
    fov_variation_deg: float = setting(
        5.0, "random variation of the field of view between scenes", unit="deg", low=0.0
    )
    furniture: float = setting(
        1.0, "fraction of the furniture that is placed where it fits", low=0.0, high=1.0
    )
    clutter: float = setting(
        1.0, "fraction of the small things that are placed on surfaces", low=0.0, high=1.0
    )
    random_origin: bool = setting(True, "rotate and shift the world frame at random")
    random_light: bool = setting(True, "vary light and exposure between scenes")
    shadows: bool = setting(False, "render shadows; doubles the rendering time")
    occlusion_shading: bool = setting(True, "darken corners and contact areas (ambient occlusion)")
    antialias: int = setting(
        0, "samples per pixel of the colour image; 0 turns antialiasing off", low=0, high=16
    )
    moving: str = setting(
        "none",
        "when things move: never, only out of the camera's view, or in view too",
        choices=("none", "unobserved", "observed"),
    )
    moving_share: float = setting(0.4, "fraction of the movable things that move", low=0.0, high=1.0)
    depth_noise: bool = setting(True, "depth noise that grows with the square of the depth")
    depth_noise_m: float = setting(0.002, "standard deviation of the depth noise at 1 m", unit="m", low=0.0)
    depth_step_m: float = setting(0.001, "quantisation step of depth at 1 m; 0 for none", unit="m", low=0.0)
    edge_holes: bool = setting(True, "no depth at depth edges")
    missing_returns: bool = setting(True, "no depth on grazing, dark and glass surfaces and out of range")
    min_range_m: float = setting(0.3, "smallest depth that is measured", unit="m", low=0.0)
    max_range_m: float = setting(6.0, "largest depth that is measured", unit="m", low=0.1)
    sensor: str = setting(
        "simple",
        "kind of depth camera; all but simple have their own noise and holes; any draws a kind "
        "and its faults for each scene",
        choices=("simple", "structured", "stereo", "flight", "any"),
    )
    readout_ms: float = setting(
        0.0, "rolling shutter: time from the first row of a colour image to the last", unit="ms", low=0.0
    )
    exposure_ms: float = setting(
        0.0, "motion blur: exposure time of each row of the colour image", unit="ms", low=0.0
    )
    registration_m: float = setting(0.0, "translation error of the depth registration", unit="m", low=0.0)
    registration_deg: float = setting(0.0, "rotation error of the depth registration", unit="deg", low=0.0)
    pose_drift_m: float = setting(0.0, "slowly changing error of the camera position", unit="m", low=0.0)
    pose_drift_deg: float = setting(
        0.0, "slowly changing error of the camera orientation", unit="deg", low=0.0
    )
    pose_jitter: bool = setting(True, "add pose errors that change from frame to frame")
    pose_jitter_m: float = setting(0.003, "standard deviation of the position jitter", unit="m", low=0.0)
    pose_jitter_deg: float = setting(0.1, "standard deviation of the orientation jitter", unit="deg", low=0.0)
    color_noise: bool = setting(True, "add noise, blur and changing exposure to the colour image")
    truth_frames: int = setting(
        200, "number of evenly spread frames that the ground-truth cloud is made of", low=1
    )
    truth_voxel_m: float = setting(0.02, "voxel size of the ground-truth cloud", unit="m", low=0.002)
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
