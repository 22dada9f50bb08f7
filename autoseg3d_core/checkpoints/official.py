"""The published ESAM weights in our names: every tensor accounted for, on both sides, or none written.

Known files: ESAM_CA, ESAM-E_CA, ESAM-E, ESAM-E+FF, their single-view stage, and the backbone that training
starts from. What a file is follows from its tensors.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from autoseg3d_core.checkpoints import format as our_format
from autoseg3d_core.checkpoints.tensors_only import read_tensors
from autoseg3d_core.models.network import Network, NetworkShape
from autoseg3d_core.modules.sparse_unet import RES16UNET34C
from autoseg3d_core.simulation.labels import SCANNET
from autoseg3d_core.structures import InputError

Named = dict[str, Tensor]
Rule = tuple[str, str, Callable[[str, str, Tensor], Named]]


def convert(source: str | Path, target: str | Path) -> NetworkShape:
    """Convert a published file into ours; raises `InputError` and writes nothing when anything is off."""
    state = read_tensors(source)
    shape = shape_of(state, str(source))
    tensors = our_tensors(state, str(source))
    our_format.check_fit(_empty(shape), tensors, str(source))
    config: dict[str, Any] = {"network": dataclasses.asdict(shape)}
    if shape.classes == len(SCANNET):
        config["labels"] = list(SCANNET)
    our_format.save(target, our_format.Checkpoint(tensors, config, source=Path(source).name))
    return shape


def convert_backbone(source: str | Path, target: str | Path) -> list[str]:
    """Convert the U-Net of a published file only; returns the names of the tensors that were left out."""
    state = read_tensors(source)
    mine = {name: value for name, value in state.items() if name.startswith("backbone.")}
    tensors = {n.removeprefix("unet."): v for n, v in our_tensors(mine, str(source)).items()}
    our_format.check_fit(_empty(NetworkShape()).unet, tensors, str(source))
    our_format.save(target, our_format.Checkpoint(tensors, {"unet": "res16unet34c"}, Path(source).name))
    return sorted(state.keys() - mine.keys())


def _empty(shape: NetworkShape) -> Network:
    with torch.device("meta"):
        return Network(shape)


def shape_of(state: Mapping[str, Tensor], where: str = "the checkpoint") -> NetworkShape:
    """Return what network a published state dict belongs to."""
    missing = [n for n in ("decoder.out_cls.2.weight", "decoder.out_sem.weight") if n not in state]
    if missing:
        raise InputError(f"{where} lacks {' and '.join(missing)}: it is no checkpoint of ESAM")
    embedding = "none"
    if "merge_head.net.1.weight" in state:
        embedding = "batch" if "merge_head.net.1.running_mean" in state else "layer"
    image = state.get("conv.0.kernel")
    return NetworkShape(
        classes=len(state["decoder.out_cls.2.weight"]) - 1,
        semantics=len(state["decoder.out_sem.weight"]) - 1,
        voxel_memory=any(name.startswith("memory.") for name in state),
        boxes=any(name.startswith("decoder.out_reg.") for name in state),
        embedding=embedding,
        image_channels=0 if image is None else len(image),
    )


def our_tensors(state: Mapping[str, Tensor], where: str = "the checkpoint") -> Named:
    """Return the tensors in our names and layouts; raises `InputError` for a name that is not known."""
    rules = sorted(_rules(), key=lambda rule: -len(rule[0]))
    ours: Named = {}
    unknown = []
    for name, value in state.items():
        rule = next((rule for rule in rules if name.startswith(rule[0] + ".")), None)
        if rule is None:
            unknown.append(name)
        else:
            theirs, prefix, rename = rule
            ours.update(rename(prefix, name[len(theirs) + 1 :], value))
    if unknown:
        raise InputError(f"{where} holds tensors that no part of the network has: {', '.join(unknown[:10])}")
    return ours


def _plain(prefix: str, rest: str, value: Tensor) -> Named:
    return {f"{prefix}.{rest}": value}


def _norm(prefix: str, rest: str, value: Tensor) -> Named:
    """Their batch norm is wrapped in another."""
    return {f"{prefix}.{rest.removeprefix('bn.')}": value}


def _kernel(prefix: str, rest: str, value: Tensor) -> Named:
    return {f"{prefix}.{'weight' if rest == 'kernel' else rest}": value}


def _product(prefix: str, rest: str, value: Tensor) -> Named:
    """Their 1x1 convolution is a matrix (inputs, outputs), our linear layer its transpose."""
    if rest == "kernel" and value.ndim == 2:
        return {f"{prefix}.weight": value.T.contiguous()}
    return {f"{prefix}.{rest}": value}


def _attention(prefix: str, rest: str, value: Tensor) -> Named:
    """Theirs keeps query, key and value in one matrix."""
    if not rest.startswith("in_proj_"):
        return {f"{prefix}.{rest.replace('out_proj.', 'out.')}": value}
    kind = rest.removeprefix("in_proj_")
    if len(value) % 3:
        return {f"{prefix}.{rest}": value}
    parts = zip(("query", "key", "value"), value.chunk(3), strict=True)
    return {f"{prefix}.{part}.{kind}": chunk.contiguous() for part, chunk in parts}


def _rules() -> Iterator[Rule]:
    """Walk the parts: their prefix, ours, and what to do with what follows."""
    yield from _unet_rules()
    yield from _memory_rules()
    yield from _pooling_rules()
    yield from _decoder_rules()
    for layer in (0, 1, 3, 4):
        yield f"merge_head.net.{layer}", f"embedding.layers.{layer}", _plain
    yield "conv.0", "image_features.linear", _product
    yield "conv.1", "image_features.norm", _norm


def _unet_rules() -> Iterator[Rule]:
    yield "backbone.conv0p1s1", "unet.stem.conv", _kernel
    yield "backbone.bn0", "unet.stem.norm", _norm
    for i, stage in enumerate(RES16UNET34C.down):
        yield f"backbone.conv{i + 1}p{2**i}s2", f"unet.downs.{i}.conv", _kernel
        yield f"backbone.bn{i + 1}", f"unet.downs.{i}.norm", _norm
        yield from _block_rules(f"backbone.block{i + 1}", f"unet.encoders.{i}", stage.blocks)
    for i, stage in enumerate(RES16UNET34C.up):
        yield f"backbone.convtr{i + 4}p{16 >> i}s2", f"unet.ups.{i}.conv", _kernel
        yield f"backbone.bntr{i + 4}", f"unet.ups.{i}.norm", _norm
        yield from _block_rules(f"backbone.block{i + 5}", f"unet.decoders.{i}", stage.blocks)


def _block_rules(theirs: str, ours: str, blocks: int) -> Iterator[Rule]:
    for j in range(blocks):
        yield f"{theirs}.{j}.conv1", f"{ours}.{j}.first.conv", _kernel
        yield f"{theirs}.{j}.norm1", f"{ours}.{j}.first.norm", _norm
        yield f"{theirs}.{j}.conv2", f"{ours}.{j}.second", _kernel
        yield f"{theirs}.{j}.norm2", f"{ours}.{j}.norm", _norm
        yield f"{theirs}.{j}.downsample.0", f"{ours}.{j}.shortcut.linear", _product
        yield f"{theirs}.{j}.downsample.1", f"{ours}.{j}.shortcut.norm", _norm


def _memory_rules() -> Iterator[Rule]:
    for i in range(len(RES16UNET34C.down)):
        ours = f"voxel_memory.levels.{i}"
        for name, part in (("conv_d1", "near"), ("conv_d3", "far")):
            yield f"memory.{name}.{i}.0", f"{ours}.{part}.conv", _kernel
            yield f"memory.{name}.{i}.1", f"{ours}.{part}.norm", _norm
        yield f"memory.conv_convert.{i}.0", f"{ours}.mix", _product
        yield f"memory.conv_convert.{i}.1", f"{ours}.norm", _norm


def _pooling_rules() -> Iterator[Rule]:
    for layer in (0, 1, 3, 4):
        yield f"pool.pts_proj1.{layer}", f"pooling.shape.{layer}", _plain
    for layer, ours in ((0, "weigh_in"), (1, "weigh_norm"), (3, "weigh_out")):
        yield f"pool.pts_proj2.{layer}", f"pooling.{ours}", _plain


def _decoder_rules() -> Iterator[Rule]:
    for theirs, ours in (
        ("input_proj", "keys"),
        ("query_proj", "queries"),
        ("x_mask", "fragment_masks"),
        ("x_pts_mask", "point_masks"),
        ("out_norm", "norm"),
        ("out_cls", "classes"),
        ("out_reg", "boxes"),
        ("out_sem", "semantics"),
    ):
        yield f"decoder.{theirs}", f"decoder.{ours}", _plain
    for i in range(3):
        layer = f"decoder.layers.{i}"
        for theirs, ours in (("cross_attn_layers", "cross"), ("self_attn_layers", "among")):
            yield f"decoder.{theirs}.{i}.attn", f"{layer}.{ours}", _attention
            yield f"decoder.{theirs}.{i}.norm", f"{layer}.{ours}_norm", _plain
        yield f"decoder.ffn_layers.{i}.net.0", f"{layer}.feedforward.expand", _plain
        yield f"decoder.ffn_layers.{i}.net.3", f"{layer}.feedforward.contract", _plain
        yield f"decoder.ffn_layers.{i}.norm", f"{layer}.feedforward.norm", _plain
