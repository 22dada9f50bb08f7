"""Where frames were taken: what is mapped hangs on it, and moves when poses prove to have been wrong."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from autoseg3d_core.structures.rows import Rows


@dataclass(frozen=True, eq=False)
class Keyframes(Rows):
    """Some of the frames, in order, and where the camera of each is believed to have been in the world.

    `numbers` ascend and are never used twice; what was mapped after a keyframe and before the next belongs to
    it. `travelled_m` is the length of the camera's way up to it, `shares` how much of the last correction
    it was given.
    """

    numbers: Int64[Tensor, " keyframes"]
    poses: Float64[Tensor, "keyframes 4 4"]
    stamps_ns: Int64[Tensor, " keyframes"]
    travelled_m: Float64[Tensor, " keyframes"]
    shares: Float64[Tensor, " keyframes"]

    @staticmethod
    def empty() -> Keyframes:
        """Return a table without rows; keyframes are few and stay on the CPU."""
        whole, real = torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.float64)
        return Keyframes(whole, real.view(0, 4, 4), whole, real, real)


@dataclass(frozen=True, eq=False)
class LastPose(Rows):
    """The camera of the last frame, and odometry's frame as it lay then; a row, or none before the first.

    `world_from_odometry` means nothing where nobody has said it.
    """

    world_from_camera: Float64[Tensor, "rows 4 4"]
    world_from_odometry: Float64[Tensor, "rows 4 4"]
    knows_odometry: Bool[Tensor, " rows"]


@dataclass(frozen=True, eq=False)
class PoseHistory:
    """The keyframes, and what has to be known of the way to correct it.

    Keyframes from `loose_from` on came after the last correction, which was at `corrected_ns` after
    `corrected_m` of the way; it is `travelled_m` long now.
    """

    keyframes: Keyframes
    last: LastPose
    next_number: int = 0
    loose_from: int = 0
    corrected_ns: int = 0
    corrected_m: float = 0.0
    travelled_m: float = 0.0

    @staticmethod
    def empty() -> PoseHistory:
        """Return a history without a frame."""
        none = torch.zeros(0, 4, 4, dtype=torch.float64)
        return PoseHistory(Keyframes.empty(), LastPose(none, none, torch.zeros(0, dtype=torch.bool)))

    @property
    def current(self) -> int:
        """The number of the keyframe to which a frame belongs that comes now."""
        return max(self.next_number - 1, 0)


@dataclass(frozen=True, eq=False)
class Moves(Rows):
    """How the world moves around each keyframe: `moves @ x` is where what it saw at x really is."""

    numbers: Int64[Tensor, " keyframes"]
    moves: Float64[Tensor, "keyframes 4 4"]

    def of(self, numbers: Int64[Tensor, " values"]) -> Float64[Tensor, "values 4 4"]:
        """Return the move of each keyframe; one that is no longer kept moves with the one before it."""
        row = torch.searchsorted(self.numbers, numbers, right=True) - 1
        return self.moves[row.clamp(min=0)]
