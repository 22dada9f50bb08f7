"""Products under autocast: in half precision, their result as the input was."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def multiplied(product: Callable[[Tensor, Tensor], Tensor], features: Tensor, weight: Tensor) -> Tensor:
    """Return the product of features and a weight, made in half precision where autocast is on."""
    kind = features.device.type
    if not torch.is_autocast_enabled(kind):
        return product(features, weight)
    half = torch.get_autocast_dtype(kind)
    return product(features.to(half), weight.to(half)).to(features.dtype)
