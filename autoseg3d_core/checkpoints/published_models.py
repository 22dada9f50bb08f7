"""The models of ESAM that are published, and which of them a file holds."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from autoseg3d_core.datasets.label_names import SCANNET
from autoseg3d_core.models.network_shape import NetworkShape
from autoseg3d_core.modules.embedding_head import EmbeddingShape
from autoseg3d_core.modules.image_features import ImageFeaturesShape
from autoseg3d_core.modules.query_decoder import QueriesShape
from autoseg3d_core.modules.voxel_memory import VoxelMemoryShape
from autoseg3d_core.structures import InputError

SEQUENCE_GROUPS = ("memory.", "merge_head.", "decoder.out_reg.")
"""What the models of sequences have, and those of single frames have not."""
CLASSES, SEMANTICS, IMAGE = "decoder.out_cls.2.weight", "decoder.out_sem.weight", "conv.0.kernel"
PER_CLASS = "model.network.selection.per_class=true"
THRESHOLD = "model.network.selection.score_threshold"


@dataclass(frozen=True)
class PublishedModel:
    """A published model; `settings` are those it was published with beside config/esam_published.yaml."""

    name: str
    shape: NetworkShape
    settings: tuple[str, ...] = ()

    @property
    def tracks(self) -> bool:
        """Tell whether it can: a model of single frames knows neither boxes nor embeddings."""
        return self.shape.embedding is not None


def _single_frames(heads: QueriesShape, image: ImageFeaturesShape | None = None) -> NetworkShape:
    decoder = dataclasses.replace(heads, boxes=False)
    return NetworkShape(decoder=decoder, voxel_memory=None, image_features=image, embedding=None)


AGNOSTIC = QueriesShape()
AWARE = QueriesShape(classes=len(SCANNET), semantics=len(SCANNET) + 2)  # wall and floor are no instances
SEEING = ImageFeaturesShape(960)
BATCH_NORMS = EmbeddingShape("batch")
MODELS = (
    PublishedModel("ESAM-E_CA", NetworkShape()),
    PublishedModel("ESAM_CA", NetworkShape(embedding=BATCH_NORMS), (f"{THRESHOLD}=0.25",)),
    PublishedModel("ESAM-E", NetworkShape(decoder=AWARE), (PER_CLASS, f"{THRESHOLD}=0.21")),
    PublishedModel(
        "ESAM-E+FF",
        NetworkShape(decoder=AWARE, image_features=SEEING),
        (PER_CLASS, "masks.fastsam.features=true"),
    ),
    PublishedModel("the single-view stage of ESAM-E_CA or ESAM_CA", _single_frames(AGNOSTIC)),
    PublishedModel("the single-view stage of ESAM-E", _single_frames(AWARE)),
    PublishedModel("the single-view stage of ESAM-E+FF", _single_frames(AWARE, SEEING)),
)


def model_of(state: Mapping[str, Tensor], where: str = "the checkpoint") -> PublishedModel:
    """Return the published model that a state dict is of; raises `InputError` when it is of none."""
    missing = [name for name in (CLASSES, SEMANTICS) if name not in state]
    if missing:
        raise InputError(f"{where} lacks {' and '.join(missing)}: it is not an ESAM checkpoint")
    flat = [name for name in (CLASSES, SEMANTICS, IMAGE) if name in state and state[name].ndim != 2]
    if flat:
        raise InputError(
            f"{where}: {flat[0]} is {tuple(state[flat[0]].shape)}, not a matrix: download it again"
        )
    lacking = [group for group in SEQUENCE_GROUPS if not any(name.startswith(group) for name in state)]
    embedding = EmbeddingShape("batch" if "merge_head.net.1.running_mean" in state else "layer")
    classes, semantics = len(state[CLASSES]) - 1, len(state[SEMANTICS]) - 1
    channels = len(state[IMAGE]) if IMAGE in state else 0
    shape = NetworkShape(
        decoder=QueriesShape(classes, semantics, boxes="decoder.out_reg." not in lacking),
        voxel_memory=None if "memory." in lacking else VoxelMemoryShape(),
        image_features=ImageFeaturesShape(channels) if channels else None,
        embedding=None if "merge_head." in lacking else embedding,
    )
    for model in MODELS:
        if model.shape == shape:
            return model
    raise InputError(
        f"{where} is none of the published models: {CLASSES} has {classes + 1} rows (2 or 19), "
        f"{SEMANTICS} {semantics + 1} (201 or 21), {IMAGE} {channels} (960 or none), of "
        f"{_listed(SEQUENCE_GROUPS)} (all there, or all not) it lacks "
        f"{_listed(lacking) or 'none'}: download it again"
    )


def _listed(groups: Sequence[str]) -> str:
    return ", ".join(f"{group}*" for group in groups)
