"""What is carried from one frame to the next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from autoseg3d_core.structures.association import TogetherVotes
from autoseg3d_core.structures.edits import Edits
from autoseg3d_core.structures.keyframes import PoseHistory
from autoseg3d_core.structures.tracks import TrackRows, Tracks


@dataclass(frozen=True, eq=False)
class SceneOrigin:
    """A rigid move from the world into the scene frame: `rotation @ (x - position)`."""

    rotation: Float64[Tensor, "3 3"]
    position: Float64[Tensor, "3"]

    def to_scene(self, xyz: Float[Tensor, "points 3"]) -> Float[Tensor, "points 3"]:
        """Return points of the world in the scene frame."""
        return ((xyz.double() - self.position) @ self.rotation.T).to(xyz.dtype)

    @property
    def world_from_scene(self) -> Float64[Tensor, "4 4"]:
        """The move back, as a matrix."""
        matrix = torch.eye(4, dtype=torch.float64, device=self.position.device)
        matrix[:3, :3], matrix[:3, 3] = self.rotation.T, self.position
        return matrix


@dataclass(frozen=True, eq=False)
class Memory:
    """Everything carried from one frame to the next, besides the scene map.

    `origin` is the scene frame, fixed by the first frame: upright, level and near the start, whatever the
    world's axes are and wherever its origin lies; a network sees coordinates in it and no others. `kept` is
    what the network remembers, and nobody else looks into it. `history` says where the frames were taken,
    and `rivals` which tracks that were never seen together a correction of this may bring to one place.
    `gone` has the tracks whose places were found empty, to be known again elsewhere. `edits` are what an
    operator said of tracks.
    """

    tracks: Tracks
    together: TogetherVotes
    next_id: int
    origin: SceneOrigin | None = None
    kept: Any = None
    history: PoseHistory = field(default_factory=PoseHistory.empty)
    rivals: TogetherVotes = field(default_factory=TogetherVotes.empty)
    gone: Tracks = field(default_factory=Tracks.empty)
    edits: Edits = field(default_factory=Edits.empty)

    @staticmethod
    def empty(
        remembered: TrackRows | None = None, next_id: int = 1, device: torch.device | str = "cpu"
    ) -> Memory:
        """Return a memory that has seen nothing; `remembered` has the columns of a model, without rows.

        Pass the old `next_id` on so that no id is reused.
        """
        none, no_pair = Tracks.empty(remembered, device), TogetherVotes.empty(device)
        return Memory(none, no_pair, next_id, rivals=no_pair, gone=none)
