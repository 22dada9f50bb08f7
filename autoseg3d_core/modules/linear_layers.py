"""Small stacks of linear layers that several modules are made of."""

from __future__ import annotations

from typing import cast

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


class FeedForward(nn.Module):
    """Two linear layers around a GELU, added to the input and normalised."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.expand = nn.Linear(channels, hidden)
        self.contract = nn.Linear(hidden, channels)
        self.norm = nn.LayerNorm(channels)

    def forward(self, queries: Float[Tensor, "queries channels"]) -> Float[Tensor, "queries channels"]:
        """Return the changed queries."""
        return self.norm(queries + self.contract(functional.gelu(self.expand(queries))))


def two_layers(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Return two linear layers around a ReLU."""
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, outputs))


def starting_at_zero(layers: nn.Sequential) -> nn.Sequential:
    """Return the layers with the weights of the last one set to zero, so that untrained they return zeros."""
    last = cast(nn.Linear, layers[-1])
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return layers
