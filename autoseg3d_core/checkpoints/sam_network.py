"""The network of a SAM from its published file, whose name tells which it is."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from autoseg3d_core.checkpoints.format import check_fit
from autoseg3d_core.checkpoints.tensors_only import read_tensors
from autoseg3d_core.mask_makers.fastsam_network import ultralytics_module
from autoseg3d_core.structures import InputError

BUILDERS = {
    "mobile_sam": ("sam", "build_mobile_sam"),
    "sam_b": ("sam", "build_sam_vit_b"),
    "sam_l": ("sam", "build_sam_vit_l"),
    "sam_h": ("sam", "build_sam_vit_h"),
    "sam2_t": ("sam2", "build_sam2_t"),
    "sam2_s": ("sam2", "build_sam2_s"),
    "sam2_b": ("sam2", "build_sam2_b"),
    "sam2_l": ("sam2", "build_sam2_l"),
}
"""Family and builder by the name of the file, as ultralytics publishes them."""


def sam_network(path: Path) -> tuple[nn.Module, str]:
    """Return the network and its family; raises `InputError` for another file."""
    if path.stem not in BUILDERS:
        raise InputError(
            f"{path}: keep its published name, which says what network it is: {', '.join(BUILDERS)}"
        )
    family, builder = BUILDERS[path.stem]
    network = getattr(ultralytics_module("models.sam.build"), builder)()
    tensors = {name: tensor.float() for name, tensor in read_tensors(path).items()}
    check_fit(network, tensors, str(path))
    network.load_state_dict(tensors)
    return network, family
