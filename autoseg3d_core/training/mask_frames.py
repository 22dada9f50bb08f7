"""Rendered frames with their part images on disk, made once and read often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Int32, UInt8
from tqdm import tqdm

from autoseg3d_core.config import load_config
from autoseg3d_core.errors import InputError
from autoseg3d_core.simulation.sequence import SimulatedSequence, SimulationConfig

SENSOR_OFF = ("depth_noise=false", "edge_holes=false", "missing_returns=false", "pose_jitter=false")


@dataclass(frozen=True, eq=False)
class PartFrame:
    """A colour image with the part of every pixel, 0 where there is none."""

    rgb: UInt8[np.ndarray, "height width 3"]
    part: Int32[np.ndarray, "height width"]


def render_frames(cache: Path, seeds: Sequence[int], per_scene: int, width: int) -> list[Path]:
    """Render the scenes that the cache lacks; return the file of every frame, in the order of seeds."""
    files = []
    for seed in tqdm(seeds, desc="rendering", unit="scene", disable=None):
        folder = cache / f"{seed:05d}_{per_scene}_{width}"
        if not (folder / "done").exists():
            _render_scene(folder, seed, per_scene, width)
        files += sorted(folder.glob("*.npz"))
    return files


def read_frame(file: Path) -> PartFrame:
    """Read a frame that `render_frames` wrote."""
    with np.load(file, allow_pickle=False) as stored:
        rgb, part = (_decoded(stored[name]) for name in ("rgb", "part"))
    return PartFrame(cv2.cvtColor(rgb, cv2.COLOR_BGR2RGB), part.astype(np.int32))


def read_rgb(file: Path) -> UInt8[np.ndarray, "height width 3"]:
    """Read the colour image of a frame that `render_frames` wrote."""
    with np.load(file, allow_pickle=False) as stored:
        return cv2.cvtColor(_decoded(stored["rgb"]), cv2.COLOR_BGR2RGB)


def _render_scene(folder: Path, seed: int, per_scene: int, width: int) -> None:
    """Render a scene; every second one has shadows and smooth edges, which costs more."""
    rich = ("shadows=true", "antialias=4") if seed % 2 else ()
    size = (f"width={width}", f"height={width * 3 // 4}", "fov_variation_deg=12")
    folder.mkdir(parents=True, exist_ok=True)
    with SimulatedSequence(seed, load_config(SimulationConfig, None, (*size, *rich, *SENSOR_OFF))) as scene:
        for index in np.linspace(0, len(scene) - 1, per_scene).round().astype(int).tolist():
            frame, truth = scene[index], scene.truth(index)
            np.savez(
                folder / f"{index:06d}.npz",
                rgb=_encoded(cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2BGR), ".jpg"),
                part=_encoded(truth.part.astype(np.uint16), ".png"),
            )
    (folder / "done").touch()


def _encoded(pixels: np.ndarray, ending: str) -> UInt8[np.ndarray, " bytes"]:
    return cv2.imencode(ending, pixels, [cv2.IMWRITE_JPEG_QUALITY, 95] if ending == ".jpg" else [])[1].ravel()


def _decoded(data: UInt8[np.ndarray, " bytes"]) -> np.ndarray:
    pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise InputError("a rendered frame is damaged: remove the folder given as --cache")
    return pixels
