"""What the pipeline asks of a model, and what it shows it of the scene map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from jaxtyping import Int64
from torch import Tensor

from autoseg3d_core.structures import Association, EncodedCloud, FragmentCloud, FrameInstances, Memory


@dataclass(frozen=True, eq=False)
class Sighting:
    """The voxels that a frame sees: the instance that owns each (-1 none) and its id on the map (0 none)."""

    owner: Int64[Tensor, " voxels"]
    ids: Int64[Tensor, " voxels"]


class Model(Protocol):
    """Finds the objects of a frame, and says how well each fits the tracks.

    `channels` is the length of its embeddings, 0 for none; `label_names` names the labels of its instances.
    `decides_all` tells whether a point on no instance is nobody's, or merely not known. `doubt` is the number
    of frames after which a track is half as sure as its mean score; 0 where being seen often proves nothing.
    """

    channels: int
    decides_all: bool
    doubt: float
    label_names: tuple[str, ...]

    def encode(self, cloud: FragmentCloud, memory: Memory) -> tuple[EncodedCloud, Memory]:
        """Return the features of the cloud's points, and the memory with what the network keeps."""
        ...

    def perceive(
        self, cloud: FragmentCloud, encoded: EncodedCloud, memory: Memory
    ) -> tuple[FrameInstances, Memory]:
        """Return the objects seen in this frame, and the memory with what the network keeps."""
        ...

    def associate(self, instances: FrameInstances, memory: Memory, sighting: Sighting) -> Association:
        """Return the affinity of each instance for each track of the memory."""
        ...
