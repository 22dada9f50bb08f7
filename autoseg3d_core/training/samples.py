"""From a clip to what a network is trained on: augmented fragment clouds in one scene frame, with targets."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from autoseg3d_core.datasets.clips import Clip, ClipFrame, PreparedScene
from autoseg3d_core.geometry.scene_origin import OriginConfig, scene_origin
from autoseg3d_core.lifting import LiftingConfig, lift
from autoseg3d_core.models.leftovers import add_leftovers
from autoseg3d_core.models.perception import move_to_scene
from autoseg3d_core.structures import FragmentCloud, InputError, MaskImage
from autoseg3d_core.training.broken_masks import wholeness_of, with_broken_masks
from autoseg3d_core.training.targets import NO_LABEL, FrameTargets

DataT = TypeVar("DataT", FragmentCloud, FrameTargets)
SMALLEST_OBJECT = 30
"""Objects with fewer points in a frame's cloud are not looked for in it."""
BROKEN = "broken"
"""The name of masks that are made from the truth and then broken."""
TOLD_CHANCE, TOLD_SPREAD = 0.4, (0.02, 0.3)
"""How often a clip's masks say how whole they are, and by how much that is wrong."""


@dataclass(frozen=True, eq=False)
class Sample:
    """One frame to train on."""

    cloud: FragmentCloud
    targets: FrameTargets

    def to(self, device: torch.device) -> Sample:
        """Return the sample on a device."""
        return Sample(_on(self.cloud, device), _on(self.targets, device))


@dataclass(frozen=True)
class Augmentation:
    """How far a clip is changed, all of its frames alike: turned about the vertical, mirrored, scaled, moved,
    and its colours changed."""

    turn: bool = True
    mirror: float = 0.5
    scale: float = 0.15
    shift_m: float = 0.2
    brightness: float = 0.3
    contrast: float = 0.3
    tint: float = 0.1


class ClipSamples:
    """Draws clips of prepared scenes by number: the same seed and number give the same clip."""

    def __init__(
        self,
        scenes: Sequence[PreparedScene],
        frames: int,
        masks: Sequence[str],
        lifting: LiftingConfig,
        leftovers: int = 20,
        steps: tuple[int, int] = (1, 2),
        augmentation: Augmentation | None = None,
        seed: int = 0,
        labels: Sequence[str] | None = None,
    ) -> None:
        short = [scene for scene in scenes if len(scene) < frames]
        if short:
            raise InputError(
                f"{short[0].images.path} has {len(short[0])} frames, but clips need {frames}: prepare longer "
                "scenes, or set network.frames"
            )
        self.scenes, self.frames, self.masks, self.lifting = scenes, frames, masks, lifting
        self.leftovers, self.steps, self.augmentation, self.seed = leftovers, steps, augmentation, seed
        self.labels = labels

    def __getitem__(self, number: int) -> list[Sample]:
        """Return the clip of this number."""
        rng = np.random.default_rng((self.seed, number))
        scene = self.scenes[int(rng.integers(len(self.scenes)))]
        known = [name for name in self.masks if name == BROKEN or name in scene.masks]
        name = known[int(rng.integers(len(known)))] if known else BROKEN
        clip = scene.clip(self._indices(len(scene), rng), None if name == BROKEN else name)
        clip = with_broken_masks(clip, rng) if name == BROKEN else clip
        if self.labels is not None:
            clip = dataclasses.replace(clip, objects=clip.objects.relabelled(self.labels))
        spread = rng.uniform(*TOLD_SPREAD) if rng.random() < TOLD_CHANCE else None
        change = self.augmentation
        move = np.eye(4) if change is None else _drawn_move(change, rng)
        look = None if change is None else _drawn_look(change, rng)
        return clip_samples(clip, self.lifting, self.leftovers, move, look, rng, spread)

    def _indices(self, length: int, rng: np.random.Generator) -> list[int]:
        """Return frames at even steps, forwards or backwards."""
        step = int(rng.integers(self.steps[0], self.steps[1] + 1))
        step = max(1, min(step, (length - 1) // max(self.frames - 1, 1)))
        count = min(self.frames, length)
        start = int(rng.integers(length - (count - 1) * step))
        indices = [start + step * i for i in range(count)]
        return indices[::-1] if rng.random() < 0.5 else indices


def clip_samples(
    clip: Clip,
    lifting: LiftingConfig,
    leftovers: int,
    move: Float64[np.ndarray, "4 4"],
    look: tuple[np.ndarray, np.ndarray] | None,
    rng: np.random.Generator,
    spread: float | None = None,
) -> list[Sample]:
    """Return the frames of a clip in the scene frame of its first, moved on by `move` (z stays up).

    With a `spread` masks say how whole they are, wrong by so much; else nobody knows.
    """
    first = clip.frames[0].frame.world_from_camera
    origin = scene_origin(first, OriginConfig())
    matrix = torch.from_numpy(move)
    outline = torch.from_numpy(clip.objects.outline)
    moved = _moved(origin.to_scene(outline.flatten(0, 1)), matrix).view_as(outline)
    boxes = torch.cat([moved.amin(dim=1), moved.amax(dim=1)], dim=1)
    samples = []
    for part in clip.frames:
        cloud = _cloud(part, lifting, rng, spread)
        targets = _targets(cloud, part, clip, boxes)
        cloud = add_leftovers(move_to_scene(cloud, origin), leftovers)
        rgb = cloud.rgb if look is None else _recoloured(cloud.rgb, look)
        samples.append(Sample(dataclasses.replace(cloud, xyz=_moved(cloud.xyz, matrix), rgb=rgb), targets))
    return samples


def _cloud(
    part: ClipFrame, lifting: LiftingConfig, rng: np.random.Generator, spread: float | None
) -> FragmentCloud:
    """Return the fragments of a frame, other points of it each time."""
    masks, told = part.masks, None
    assert masks is not None, "masks are read or made before"
    count = int(masks.max(initial=0))
    if spread is not None:
        noise = rng.normal(0, spread, count)
        told = np.clip(wholeness_of(masks, part.truth.instance) + noise, 0, 1).astype(np.float32)
    image = MaskImage(masks.astype(np.int32) - 1, np.ones(count, np.float32), wholeness=told)
    redrawn = dataclasses.replace(part.frame, stamp_ns=int(rng.integers(1 << 62)))
    return lift(redrawn, image, lifting)


def _targets(cloud: FragmentCloud, part: ClipFrame, clip: Clip, boxes: Tensor) -> FrameTargets:
    """Return the objects with enough points in a cloud."""
    name = torch.from_numpy(part.truth.instance).flatten()[cloud.pixel].long()
    ids, row, count = torch.unique(name, return_inverse=True, return_counts=True)
    known = torch.from_numpy(clip.objects.ids)
    kept = (ids > 0) & (count >= SMALLEST_OBJECT) & torch.isin(ids, known)
    rank = torch.where(kept, kept.cumsum(0) - 1, -1)
    at = torch.searchsorted(known, ids[kept])
    labels = torch.from_numpy(clip.objects.labels)[at]
    return FrameTargets(rank[row], ids[kept], labels.clamp(min=NO_LABEL), boxes[at].float())


def _drawn_move(change: Augmentation, rng: np.random.Generator) -> Float64[np.ndarray, "4 4"]:
    angle = rng.uniform(-np.pi, np.pi) if change.turn else 0.0
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    mirror = np.diag([-1.0 if rng.random() < change.mirror else 1.0, 1.0, 1.0])
    move = np.eye(4)
    move[:3, :3] = rng.uniform(1 - change.scale, 1 + change.scale) * turn @ mirror
    move[:3, 3] = rng.normal(0, change.shift_m, 3) * np.array([1, 1, 0.5])
    return move


def _drawn_look(change: Augmentation, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return a gain and an offset per colour channel."""
    gain = rng.uniform(1 - change.contrast, 1 + change.contrast) * rng.uniform(
        1 - change.tint, 1 + change.tint, 3
    )
    return gain, 0.5 * (1 - gain) + rng.uniform(-change.brightness, change.brightness) * 0.5


def _recoloured(rgb: Float[Tensor, "points 3"], look: tuple[np.ndarray, np.ndarray]) -> Tensor:
    gain, offset = (torch.from_numpy(part).to(rgb.dtype) for part in look)
    return (rgb * gain + offset).clamp(0, 1)


def _on(part: DataT, device: torch.device) -> DataT:
    columns = {f.name: getattr(part, f.name) for f in dataclasses.fields(part)}
    moved: dict[str, Any] = {n: v.to(device) for n, v in columns.items() if isinstance(v, Tensor)}
    return dataclasses.replace(part, **moved)


def _moved(xyz: Float[Tensor, "points 3"], matrix: Float[Tensor, "4 4"]) -> Float[Tensor, "points 3"]:
    return (xyz.double() @ matrix[:3, :3].T + matrix[:3, 3]).to(xyz.dtype)
