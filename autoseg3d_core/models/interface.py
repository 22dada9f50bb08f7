"""The interface of models: what the pipeline calls, and what a model gets of the scene map.

How a model describes an instance (`FrameInstances.description`), what a track remembers of it
(`Association.to_remember`, `Tracks.remembered`) and what the network keeps of the frames before
(`Memory.kept`) are the model's own: it declares the columns, and no other code reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Int64
from torch import Tensor

from autoseg3d_core.geometry.groups import group_majority
from autoseg3d_core.geometry.voxels import Voxels
from autoseg3d_core.models.network import Network
from autoseg3d_core.structures import (
    Association,
    EncodedCloud,
    FragmentCloud,
    FrameInstances,
    Memory,
    TrackRows,
)


@dataclass(frozen=True, eq=False)
class Sighting:
    """The voxels that a frame sees: the instance that owns each, or `NOBODY`, and its id on the map."""

    owner: Int64[Tensor, " voxels"]
    ids: Int64[Tensor, " voxels"]

    @staticmethod
    def of(
        instances: FrameInstances, voxels: Voxels, ids: Int64[Tensor, " voxels"], decides_all: bool
    ) -> Sighting:
        """Return each voxel with the instance of most of its points.

        If the model `decides_all`, points on no instance count too, otherwise they are left out.
        """
        nobody = int(decides_all)
        members = len(instances) + nobody
        owner = group_majority(instances.owner + nobody, members, voxels.point_voxel, len(voxels))
        return Sighting(owner - nobody, ids)


@runtime_checkable
class Model(Protocol):
    """Finds the objects of a frame, and returns how well each matches the tracks.

    `name` is what the config calls it. `label_names` names the labels of its instances. `decides_all` tells
    whether a point on no instance belongs to none, or is merely unknown. `doubt` is the number of frames
    after which the existence of a track is half its mean score; 0 if it does not depend on the frames.
    """

    name: str
    decides_all: bool
    doubt: float
    label_names: tuple[str, ...]

    @property
    def network(self) -> Network | None:
        """The network that it runs, None for a model without one."""
        ...

    def empty_rows(self) -> TrackRows:
        """Return what the model remembers of each track as a table without rows."""
        ...

    def empty_kept(self) -> Any:
        """Return what the model keeps (`Memory.kept`) of a scene that it has not seen, None for nothing.

        It can be saved if it is a dataclass of tensors, numbers and tables: see `snapshot/tables.py`.
        """
        ...

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
