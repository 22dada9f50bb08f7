"""What a network is made of: its U-Net, its decoder, and the learned parts that it has.

This is the one list of the parts. A field of `NetworkShape` that may be None is a part: its name is the
attribute of the network, what the names of its tensors begin with, its section in a file's description, and
what `model.network.without` takes.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from autoseg3d_core.modules.assembly_decoder import AssemblyShape
from autoseg3d_core.modules.embedding_head import EmbeddingShape
from autoseg3d_core.modules.fragment_merging import MergingShape
from autoseg3d_core.modules.image_features import ImageFeaturesShape
from autoseg3d_core.modules.part import PartShape
from autoseg3d_core.modules.query_decoder import QueriesShape
from autoseg3d_core.modules.recent_queries import RecentShape
from autoseg3d_core.modules.scene_matching import MatchingShape
from autoseg3d_core.modules.track_association import AssociationShape
from autoseg3d_core.modules.voxel_memory import VoxelMemoryShape
from autoseg3d_core.modules.wholeness import WholenessShape

DECODERS: dict[str, type[QueriesShape | AssemblyShape]] = {"queries": QueriesShape, "assembly": AssemblyShape}
"""What becomes of fragments, as files name it: each is a query of its own, or they are assembled first."""


@dataclass(frozen=True)
class NetworkShape:
    """Enough to build a network empty; the defaults are those of the published ESAM-E_CA.

    `voxel_m` is the edge of a voxel in metres, `query_channels` the width of queries and tracks.
    """

    unet: str = "res16unet34c"
    voxel_m: float = 0.02
    query_channels: int = 256
    decoder: QueriesShape | AssemblyShape = QueriesShape()
    voxel_memory: VoxelMemoryShape | None = VoxelMemoryShape()
    image_features: ImageFeaturesShape | None = None
    embedding: EmbeddingShape | None = EmbeddingShape()
    merging: MergingShape | None = None
    wholeness: WholenessShape | None = None
    recent: RecentShape | None = None
    association: AssociationShape | None = None
    matching: MatchingShape | None = None

    def parts(self) -> dict[str, PartShape | None]:
        """Return the shape of each part by its name, None where it is absent."""
        return {name: getattr(self, name) for name in PARTS}

    def without(self, names: Collection[str]) -> NetworkShape:
        """Return the shape with some parts left out."""
        absent: dict[str, Any] = dict.fromkeys(names)
        return dataclasses.replace(self, **absent)

    def to_json(self) -> dict[str, Any]:
        """Return the shape as JSON values, for a file of weights."""
        kind = next(name for name, shape in DECODERS.items() if isinstance(self.decoder, shape))
        return {**dataclasses.asdict(self), "decoder": {kind: dataclasses.asdict(self.decoder)}}

    @staticmethod
    def of_json(values: Mapping[str, Any]) -> NetworkShape:
        """Return the shape that JSON values describe; raises `TypeError` or `KeyError` for an unknown one."""
        ((kind, decoder),) = values["decoder"].items()
        found = {**values, "decoder": DECODERS[kind](**decoder)}
        for name in PARTS.keys() & values.keys():
            found[name] = None if values[name] is None else PARTS[name](**values[name])
        return NetworkShape(**found)


def _part_shapes() -> dict[str, type[Any]]:
    """Return the class that describes each part: that of each field of `NetworkShape` that may be None."""
    choices = {name: typing.get_args(kind) for name, kind in typing.get_type_hints(NetworkShape).items()}
    return {name: kinds[0] for name, kinds in choices.items() if types.NoneType in kinds}


PARTS = _part_shapes()
"""The parts that a network may have, by name, in the order in which they are built."""
