"""Fragment assembly: which fragments of a frame are one object, softly (SAMosaic3D's fragment-to-instance
part).

A frame as a whole says how many objects are in it and what each looks like: the mean and the maximum of the
fragments' features give a count and a bank of centres, of which the first so many are active. Each fragment
then belongs to each centre by how near it is, and two fragments belong together as far as they share centres.

Beyond the paper, one more centre stands for everything that is no object: walls and floors have fragments
too, and without it they would have to be given to an object.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from autoseg3d_core.modules.linear_layers import two_layers


@dataclass(frozen=True, eq=False)
class Assembly:
    """How the fragments of a frame make its objects.

    A row of `assignment` adds up to at most one; what is missing is on no object. `affinity` is how surely
    two fragments are one. `evidence` is what an assembler is trained on beside that, by name.
    """

    assignment: Float[Tensor, "fragments instances"]
    affinity: Float[Tensor, "fragments fragments"]
    evidence: dict[str, Tensor]

    def pooled(self, rows: Float[Tensor, "fragments channels"]) -> Float[Tensor, "instances channels"]:
        """Return the mean row of each object's fragments, weighted by how much they belong to it (D^-1 A^T
        Q)."""
        return self.assignment.T @ rows / self.assignment.sum(dim=0).clamp(min=1e-6)[:, None]


class CenterAssembly(nn.Module):
    """Assigns fragments to centres that the frame as a whole foretells, as in the paper.

    `most` is the paper's N_max. `background` adds the centre of what is no object.
    """

    def __init__(self, channels: int, most: int = 64, background: bool = True) -> None:
        super().__init__()
        self.most, self.background = most, background
        self.count = two_layers(2 * channels, channels, most)
        self.centers = two_layers(2 * channels, channels, (most + background) * channels)
        self.log_scale = nn.Parameter(torch.tensor(0.5 * math.log(channels)))

    def forward(self, features: Float[Tensor, "fragments channels"], count: int | None = None) -> Assembly:
        """Return the assembly into `count` objects, as in training; else into as many as the count head
        says."""
        if len(features) == 0:
            nothing = features.new_zeros(0, 0)
            return Assembly(nothing, nothing, {"count": features.new_zeros(self.most)})
        seen = torch.cat([features.mean(dim=0), features.amax(dim=0)])
        said = self.count(seen)
        wanted = 1 + int(said.argmax()) if count is None else count
        active = min(wanted, self.most, len(features))
        bank = self.centers(seen).view(
            -1, features.shape[1]
        )  # the last is the background's, where there is one
        centers = torch.cat([bank[:active], bank[self.most :]])
        away = (features[:, None] - centers[None]).square().sum(dim=2)
        belongs = (-away / self.log_scale.exp()).softmax(dim=1)
        return Assembly(belongs[:, :active], belongs @ belongs.T, {"count": said})
