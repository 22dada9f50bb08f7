"""What `evaluate` keeps of a run beside its scores: what each frame cost, and how objects looked."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float64, Int32, Int64, UInt8

from autoseg3d_core.pipeline import OnlineSegmenter
from autoseg3d_core.structures import Frame, FrameTruth, Rows, SceneUpdate
from autoseg3d_core.timing import MASK
from autoseg3d_core.visualization.overlay import overlay

STATM = Path("/proc/self/statm")
MB = 1e6
AROUND = 0.35
"""How much of an object's surroundings its picture shows, in sizes of the object."""
BETTER = 1.2
"""A view of an object replaces an earlier one if it has so many times its pixels."""
SIDE = 260
OUTLINE = (255, 255, 0)


@dataclass(frozen=True, eq=False)
class FrameCosts(Rows):
    """What each frame of a run cost, a row each: time with and without the masks, memory, size of the map."""

    index: Int64[np.ndarray, " frames"]
    after_masks_ms: Float64[np.ndarray, " frames"]
    frame_ms: Float64[np.ndarray, " frames"]
    memory_mb: Float64[np.ndarray, " frames"]
    map_mb: Float64[np.ndarray, " frames"]


class Costs:
    """Collects what each frame costs."""

    def __init__(self, online: OnlineSegmenter) -> None:
        self._online = online
        self._rows: list[tuple[float, ...]] = []

    def take(self, index: int, frame: Frame, update: SceneUpdate) -> None:
        """Take one frame."""
        total = sum(update.timings_ms.values())
        masks = update.timings_ms.get(MASK, 0.0)
        self._rows.append((index, total - masks, total, memory_mb(), self._online.scene.bytes_held / MB))

    def table(self) -> FrameCosts:
        """Return what was collected."""
        columns = np.array(self._rows, np.float64).reshape(-1, 5).T
        return FrameCosts(columns[0].astype(np.int64), *columns[1:])


class ObjectViews:
    """Keeps a picture of every true object, from the frame that shows most of it: its outline, our labels."""

    def __init__(self) -> None:
        self._pixels: dict[int, int] = {}
        self._pictures: dict[int, bytes] = {}

    def look(self, frame: Frame, truth: FrameTruth, label_image: Int32[np.ndarray, "height width"]) -> None:
        """Look at one frame."""
        names, pixels = np.unique(truth.instance, return_counts=True)
        for name, count in zip(names.tolist(), pixels.tolist(), strict=True):
            if name > 0 and count > BETTER * self._pixels.get(name, 0):
                self._pixels[name] = count
                self._pictures[name] = _picture(frame.rgb, truth.instance == name, label_image)

    def write(self, folder: Path, names: list[int]) -> None:
        """Write the pictures of some objects as NAME.jpg."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            if name in self._pictures:
                (folder / f"{name}.jpg").write_bytes(self._pictures[name])


def memory_mb() -> float:
    """Return the memory that this process holds, or the most that it held where the system does not say."""
    if STATM.exists():
        return int(STATM.read_text().split()[1]) * resource.getpagesize() / MB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MB


def _picture(rgb: UInt8[np.ndarray, "height width 3"], mask: np.ndarray, labels: np.ndarray) -> bytes:
    """Return a JPEG of the object's surroundings."""
    rows, columns = np.nonzero(mask)
    margin = int(AROUND * max(np.ptp(rows), np.ptp(columns))) + 8
    window = np.s_[
        max(rows.min() - margin, 0) : rows.max() + margin,
        max(columns.min() - margin, 0) : columns.max() + margin,
    ]
    cut, inside = rgb[window], mask[window].astype(np.uint8)
    scale = SIDE / max(cut.shape[:2])
    size = (max(1, round(cut.shape[1] * scale)), max(1, round(cut.shape[0] * scale)))
    labels_there = cv2.resize(labels[window], size, interpolation=cv2.INTER_NEAREST)
    mask_there = cv2.resize(inside, size, interpolation=cv2.INTER_NEAREST)
    tinted = overlay(cv2.resize(np.ascontiguousarray(cut), size), labels_there, opacity=0.45)
    outline, _ = cv2.findContours(mask_there, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(tinted, outline, -1, OUTLINE, 2)
    return cv2.imencode(".jpg", cv2.cvtColor(tinted, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 80])[
        1
    ].tobytes()
