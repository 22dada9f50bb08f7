"""Many tensors to the host at once: a GPU is waited for once, whatever their number."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

ALIGNED = 8
"""Each tensor begins at a multiple of so many bytes, so that it can be read where it lies."""


def to_host(tensors: Mapping[str, Tensor]) -> dict[str, Shaped[np.ndarray, "..."]]:
    """Return tensors as arrays of the same types and shapes, by name, by way of one copy of all bytes.

    They lie in one piece of memory, which no tensor shares.
    """
    parts, begins, end = [], [], 0
    for tensor in tensors.values():
        raw = tensor.contiguous().reshape(-1).view(torch.uint8)
        padding = -len(raw) % ALIGNED
        parts.append(torch.nn.functional.pad(raw, (0, padding)) if padding else raw)
        begins.append(end)
        end += len(raw) + padding
    buffer = torch.cat(parts).cpu() if parts else torch.zeros(0, dtype=torch.uint8)
    return {
        name: _part(buffer, begin, tensor)
        for (name, tensor), begin in zip(tensors.items(), begins, strict=True)
    }


def _part(buffer: Tensor, begin: int, like: Tensor) -> Shaped[np.ndarray, "..."]:
    bytes_held = math.prod(like.shape) * like.element_size()
    part = buffer[begin : begin + bytes_held].view(like.dtype).view(like.shape)
    return part.numpy()  # type: ignore[no-any-return]
