"""The names and layouts of ESAM's published tensors, and ours for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from torch import Tensor

from autoseg3d_core.modules.sparse_unet import RES16UNET34C
from autoseg3d_core.structures import InputError

Named = dict[str, Tensor]
Rule = tuple[str, str, Callable[[str, str, Tensor], Named]]
"""A published prefix, ours, and what makes our tensors of one with that prefix and a rest that it knows."""


def our_tensors(state: Mapping[str, Tensor], where: str = "the checkpoint") -> Named:
    """Return the tensors in our names and layouts; raises `InputError` for one without a place of its own."""
    rules = sorted(_rules(), key=lambda rule: -len(rule[0]))
    ours: Named = {}
    unknown = []
    for name, value in state.items():
        rule = next((rule for rule in rules if name.startswith(rule[0] + ".")), None)
        renamed = rule[2](rule[1], name[len(rule[0]) + 1 :], value) if rule else {}
        if not renamed or renamed.keys() & ours.keys():
            unknown.append(name)
        ours.update(renamed)
    if unknown:
        raise InputError(f"{where} holds tensors that fit no part of the network: {', '.join(unknown[:10])}")
    return ours


def _plain(prefix: str, rest: str, value: Tensor) -> Named:
    return {f"{prefix}.{rest}": value}


def _norm(prefix: str, rest: str, value: Tensor) -> Named:
    """Their batch norm is wrapped in another."""
    return {f"{prefix}.{rest.removeprefix('bn.')}": value} if rest.startswith("bn.") else {}


def _kernel(prefix: str, rest: str, value: Tensor) -> Named:
    return {f"{prefix}.weight": value} if rest == "kernel" else {}


def _product(prefix: str, rest: str, value: Tensor) -> Named:
    """Their 1x1 convolution is a matrix (inputs, outputs), our linear layer its transpose."""
    return {f"{prefix}.weight": value.T.contiguous()} if rest == "kernel" and value.ndim == 2 else {}


def _attention(prefix: str, rest: str, value: Tensor) -> Named:
    """Theirs keeps query, key and value in one matrix."""
    if rest in ("out_proj.weight", "out_proj.bias"):
        return {f"{prefix}.{rest.replace('out_proj', 'out')}": value}
    if rest not in ("in_proj_weight", "in_proj_bias") or value.ndim == 0 or len(value) % 3:
        return {}
    kind = rest.removeprefix("in_proj_")
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
