"""State dicts with the names and shapes of the published models, and random weights."""

from __future__ import annotations

import ast
import dataclasses
import math
from pathlib import Path

import torch

from autoseg3d_core.models.network_shape import NetworkShape
from autoseg3d_core.modules.embedding_head import EmbeddingShape
from autoseg3d_core.modules.image_features import ImageFeaturesShape
from autoseg3d_core.modules.query_decoder import QueriesShape

PUBLISHED = Path(__file__).parents[1] / "core" / "checkpoints" / "esam_e_ca_tensors.txt"


def published_shapes() -> dict[str, tuple[int, ...]]:
    """The names and shapes of ESAM-E_CA."""
    rows = (line.split("\t") for line in PUBLISHED.read_text().splitlines() if line.strip())
    return {name: tuple(ast.literal_eval(shape)) for name, shape in rows}


def random_state(shapes: dict[str, tuple[int, ...]], seed: int = 0) -> dict[str, torch.Tensor]:
    """Random tensors of these names and shapes that keep features near one."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in shapes.items():
        noise = torch.randn(shape, generator=generator)
        if name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(7)
        elif name.endswith("running_var"):
            state[name] = noise.abs() + 0.5
        elif name.endswith(".kernel"):
            state[name] = noise / math.sqrt(shape[-2] * (6 if len(shape) == 3 and shape[0] > 8 else 1))
        elif len(shape) >= 2:
            state[name] = noise / math.sqrt(shape[-1])
        else:
            state[name] = noise * 0.3 + (1.0 if name.endswith("weight") else 0.0)
    return state


HEADS_AWARE = {
    "decoder.out_cls.2.weight": (19, 256),
    "decoder.out_cls.2.bias": (19,),
    "decoder.out_sem.weight": (21, 256),
    "decoder.out_sem.bias": (21,),
}
IMAGE = {"conv.0.kernel": (960, 32), "conv.1.bn.num_batches_tracked": ()} | {
    f"conv.1.bn.{name}": (32,) for name in ("weight", "bias", "running_mean", "running_var")
}
EMBEDDING_STATISTICS = {
    f"merge_head.net.{layer}.{name}": shape
    for layer, width in ((1, 512), (4, 256))
    for name, shape in (
        ("running_mean", (width,)),
        ("running_var", (width,)),
        ("num_batches_tracked", ()),
    )
}


def without(state: dict[str, torch.Tensor], *prefixes: str) -> dict[str, torch.Tensor]:
    return {name: value for name, value in state.items() if not name.startswith(prefixes)}


def variant(state: dict[str, torch.Tensor], kind: str) -> tuple[dict[str, torch.Tensor], NetworkShape]:
    """The tensors and the expected shape of each published model."""
    aware = NetworkShape(decoder=QueriesShape(classes=18, semantics=20))
    if kind == "ESAM_CA":
        return state | random_state(EMBEDDING_STATISTICS, 1), NetworkShape(embedding=EmbeddingShape("batch"))
    if kind == "ESAM-E":
        return state | random_state(HEADS_AWARE, 1), aware
    if kind == "ESAM-E+FF":
        seeing = dataclasses.replace(aware, image_features=ImageFeaturesShape(960))
        return state | random_state(HEADS_AWARE | IMAGE, 1), seeing
    if kind == "single view":
        shape = NetworkShape(decoder=QueriesShape(boxes=False), voxel_memory=None, embedding=None)
        return without(state, "memory.", "merge_head.", "decoder.out_reg."), shape
    return state, NetworkShape()
