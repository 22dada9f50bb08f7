"""The published ESAM weights in our format: every tensor accounted for, on both sides, or none written.

Known files: ESAM_CA, ESAM-E_CA, ESAM-E, ESAM-E+FF, their single-view stage, and the backbone that training
starts from. What a file is follows from its tensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from autoseg3d_core.checkpoints import format as our_format
from autoseg3d_core.checkpoints.published_models import PublishedModel, model_of
from autoseg3d_core.checkpoints.published_names import our_tensors
from autoseg3d_core.checkpoints.tensors_only import read_tensors
from autoseg3d_core.datasets.label_names import SCANNET
from autoseg3d_core.models.network import Network
from autoseg3d_core.models.network_shape import NetworkShape
from autoseg3d_core.structures import InputError

BACKBONE = "backbone."
BACKBONE_OUTPUT = "backbone.final."
"""The last convolution of backbones from elsewhere, which gives labels of points; no ESAM has it."""


def convert(source: str | Path, target: str | Path) -> PublishedModel:
    """Convert a published file into ours; raises `InputError` and writes nothing when anything is off."""
    _check_target(target)
    state, where = read_tensors(source), str(source)
    _check_values(state, where)
    model = model_of(state, where)
    tensors = our_tensors(state, where)
    our_format.check_fit(_empty(model.shape), tensors, where)
    config: dict[str, Any] = {"network": model.shape.to_json()}
    if model.shape.decoder.classes == len(SCANNET):
        config["labels"] = list(SCANNET)
    our_format.save(target, our_format.Checkpoint(tensors, config, source=Path(source).name))
    return model


def convert_backbone(source: str | Path, target: str | Path) -> list[str]:
    """Convert the U-Net of a published file only, to start training from.

    Returns the names of what was left out: the tensors of other parts, and of the backbone's own output.
    Raises `InputError` and writes nothing when the U-Net is not there, or anything about it is off.
    """
    _check_target(target)
    state, where = read_tensors(source), str(source)
    mine = {n: v for n, v in state.items() if n.startswith(BACKBONE) and not n.startswith(BACKBONE_OUTPUT)}
    if not mine:
        raise InputError(
            f"{where} has no tensor called {BACKBONE}* (but {', '.join(list(state)[:3])}): "
            "give a checkpoint of ESAM, or the backbone that ESAM is trained from"
        )
    _check_values(mine, where)
    tensors = our_tensors(mine, where)
    our_format.check_fit(nn.ModuleDict({"unet": _empty(NetworkShape()).unet}), tensors, where)
    about = {"unet": NetworkShape().unet}
    our_format.save(target, our_format.Checkpoint(tensors, about, Path(source).name))
    return sorted(state.keys() - mine.keys())


def _empty(shape: NetworkShape) -> Network:
    with torch.device("meta"):
        return Network(shape)


def _check_target(target: str | Path) -> None:
    """Raise `InputError` unless a file of ours can be written there."""
    path = Path(target)
    if path.suffix != ".safetensors":
        raise InputError(
            f"{path} has to be a .safetensors file: name it {path.with_suffix('.safetensors').name}"
        )
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent} to write {path.name} to: create it first")


def _check_values(state: Mapping[str, Tensor], where: str) -> None:
    """Raise `InputError` unless tensors hold finite numbers, and counts where they count."""
    for name, value in state.items():
        counts = name.endswith(".num_batches_tracked")
        if value.dtype != torch.int64 if counts else not value.is_floating_point():
            kind = "a count" if counts else "real numbers"
            raise InputError(f"{where}: {name} is {value.dtype}, not a tensor of {kind}: download it again")
        if not torch.isfinite(value).all():
            raise InputError(f"{where}: {name} holds numbers that are not finite: download it again")
