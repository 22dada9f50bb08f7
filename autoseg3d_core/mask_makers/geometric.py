"""Masks from geometry and colour alone: no weights, no training.

Surfaces end where inverse depth jumps, where they bend inwards (objects are mostly convex), or where
colour changes strongly. What such borders enclose is a region; neighbouring regions whose common border
is weak are joined again.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, Int32, UInt8

from autoseg3d_core.config import setting
from autoseg3d_core.geometry.camera import resized
from autoseg3d_core.mask_makers.region_graph import borders, grown, merged, without_small
from autoseg3d_core.mask_makers.surfaces import Surfaces, concavity, steps, surfaces_of
from autoseg3d_core.structures import Frame, MaskImage

STRONGEST = 3.0
"""Border strength is cut off here, so that one strong pixel does not outweigh a gap."""


@dataclass(frozen=True)
class GeometricConfig:
    """What makes a border; each cue is 1 at its threshold."""

    width: int = setting(320, "images are resized to this width first", unit="px", low=80, high=1920)
    window: int = setting(7, "side of the window in which surfaces are fitted", unit="px", low=3, high=31)
    step: float = setting(
        0.012,
        "a larger jump of inverse depth is a border; raise it for fewer, larger masks",
        unit="1/m",
        low=1e-4,
        high=1.0,
        live=True,
    )
    concave: float = setting(
        0.26,
        "a sharper concave edge (about the sine of its angle) is a border; raise it for fewer, larger masks",
        low=0.01,
        high=2.0,
        live=True,
    )
    color: float = setting(
        30.0,
        "a larger colour difference (CIELAB) is a border; raise it for fewer, larger masks",
        unit="CIELAB",
        low=1.0,
        high=500.0,
        live=True,
    )
    join: float = setting(
        0.7,
        "neighbouring regions become one if their border is weaker than this on average (1 is a "
        "border at its threshold); raise it for fewer, larger masks",
        low=0.0,
        high=3.0,
        live=True,
    )
    min_share: float = setting(
        0.0008,
        "drop regions smaller than this fraction of the image",
        low=0.0,
        high=0.5,
        live=True,
    )


class GeometricMaskMaker:
    """Splits an RGB-D frame along jumps, inward bends and strong colour edges."""

    def __init__(self, config: GeometricConfig) -> None:
        self.config = config

    def __call__(self, frame: Frame) -> MaskImage:
        """Return the masks; their score is how strong the border around each is, in (0, 1]."""
        depth, rgb = self._reduced(frame)
        height, width = depth.shape
        if not (depth > 0).any() or min(height, width) < 2 * self.config.window:
            return MaskImage(np.full(frame.depth.shape, -1, np.int32), np.zeros(0, np.float32))
        surfaces = surfaces_of(depth, resized(frame.camera, width, height), self.config.window)
        strength = self._strength(surfaces, rgb)
        labels = self._regions(strength, surfaces.known)
        score = _scores(labels, strength)
        index = cv2.resize(labels, frame.depth.shape[::-1], interpolation=cv2.INTER_NEAREST) - 1
        return MaskImage(index.astype(np.int32), score)

    def with_config(self, config: GeometricConfig) -> GeometricMaskMaker:
        """Return a mask maker with other settings."""
        return GeometricMaskMaker(config)

    def warm_up(self, frame: Frame) -> MaskImage:
        """Run once."""
        return self(frame)

    def _reduced(
        self, frame: Frame
    ) -> tuple[Float32[np.ndarray, "height width"], UInt8[np.ndarray, "height width 3"]]:
        """Return depth (0 where unknown) and colour at the working size."""
        full_height, full_width = frame.depth.shape
        width = min(self.config.width, full_width)
        size = (width, max(1, round(full_height * width / full_width)))
        depth = cv2.resize(frame.depth, size, interpolation=cv2.INTER_NEAREST)
        depth = np.where((depth > 0) & np.isfinite(depth), depth, np.float32(0))
        return depth, cv2.resize(frame.rgb, size, interpolation=cv2.INTER_AREA)

    def _strength(self, surfaces: Surfaces, rgb: np.ndarray) -> Float32[np.ndarray, "height width"]:
        """Return how strong a border each pixel is: the strongest cue over its threshold."""
        config = self.config
        strength = steps(surfaces) / np.float32(config.step)
        np.maximum(
            strength, concavity(surfaces, config.window // 2) / np.float32(config.concave), out=strength
        )
        np.maximum(strength, _color_edges(rgb) / np.float32(config.color), out=strength)
        strength[~surfaces.known] = STRONGEST
        return np.minimum(strength, STRONGEST)

    def _regions(self, strength: np.ndarray, known: np.ndarray) -> Int32[np.ndarray, "height width"]:
        """Return the regions from 1 on, 0 where there is none."""
        least = max(4, round(self.config.min_share * strength.size))
        _, labels = cv2.connectedComponents((strength < 1).astype(np.uint8), connectivity=4, ltype=cv2.CV_32S)
        labels = without_small(labels, max(4, least // 4))
        labels = grown(labels, known)
        for _ in range(2):
            if labels.max() < 2:
                break
            found = borders(labels, strength)
            weak = found.strength < self.config.join
            labels = merged(labels, found.first[weak], found.second[weak])
        return without_small(labels, least)


def _color_edges(rgb: UInt8[np.ndarray, "height width 3"]) -> Float32[np.ndarray, "height width"]:
    """Return the change of colour across each pixel; lightness counts half, for shadows."""
    lab = cv2.cvtColor(cv2.medianBlur(rgb, 5), cv2.COLOR_RGB2LAB).astype(np.float32)
    lab[..., 0] *= 0.5
    across, down = np.zeros_like(lab), np.zeros_like(lab)
    across[:, 2:-2] = lab[:, 4:] - lab[:, :-4]
    down[2:-2] = lab[4:] - lab[:-4]
    return np.sqrt(np.maximum((across**2).sum(axis=2), (down**2).sum(axis=2)))


def _scores(labels: Int32[np.ndarray, "height width"], strength: np.ndarray) -> Float32[np.ndarray, " masks"]:
    """Return for each region the mean strength of its outline over the strongest possible."""
    count = int(labels.max()) + 1
    outline = np.zeros(labels.shape, bool)
    outline[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    outline[1:] |= labels[1:] != labels[:-1]
    size = np.bincount(labels[outline], minlength=count)
    total = np.bincount(labels[outline], weights=strength[outline], minlength=count)
    mean = total[1:] / np.maximum(size[1:], 1) / STRONGEST
    return np.clip(mean, 0.05, 1.0).astype(np.float32)
