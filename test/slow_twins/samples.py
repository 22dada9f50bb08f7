"""Random weights and points that the fast parts and their slow twins are both given."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn


def random_weights(module: nn.Module, seed: int) -> nn.Module:
    """Fill everything, running statistics included, with numbers that keep features near one."""
    generator = torch.Generator().manual_seed(seed)
    for name, values in module.state_dict().items():
        if not values.is_floating_point():
            continue
        noise = torch.randn(values.shape, generator=generator)
        if name.endswith("running_var"):
            values.copy_(noise.abs() + 0.5)
        elif values.ndim >= 2:
            values.copy_(noise / math.sqrt(values.shape[-1] * (6 if values.ndim == 3 else 1)))
        else:
            values.copy_(noise * 0.3 + (1.0 if name.endswith("weight") else 0.0))
    return module.double().eval()


def frame_points(seed: int, shift: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Points on a floor and a wall that meet below zero, with colours."""
    generator = torch.Generator().manual_seed(seed)
    flat = torch.rand(220, 3, generator=generator, dtype=torch.float64)
    flat[:110, 2] *= 0.02
    flat[110:, 0] *= 0.02
    return flat * 0.5 - 0.2 + shift, torch.rand(220, 3, generator=generator, dtype=torch.float64)


def array(values: torch.Tensor) -> np.ndarray:
    """A tensor in double precision."""
    return values.detach().double().numpy()
