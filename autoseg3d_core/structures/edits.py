"""What an operator said of tracks, which holds for as long as they live."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int64, UInt8
from torch import Tensor

from autoseg3d_core.structures.rows import Rows

LONGEST_NAME = 64
"""Bytes of a name in UTF-8."""


@dataclass(frozen=True, eq=False)
class Edits(Rows):
    """A row per edited track, in the order in which they were made.

    A hidden track goes on in memory, so that its object does not come back under another id, and nobody sees
    it. `names` holds UTF-8 followed by zeros; a row of zeros leaves the model's own label.
    """

    ids: Int64[Tensor, " edited"]
    is_hidden: Bool[Tensor, " edited"]
    names: UInt8[Tensor, "edited 64"]

    @staticmethod
    def empty() -> Edits:
        """Return no edits."""
        return Edits(
            torch.zeros(0, dtype=torch.int64),
            torch.zeros(0, dtype=torch.bool),
            torch.zeros(0, LONGEST_NAME, dtype=torch.uint8),
        )
