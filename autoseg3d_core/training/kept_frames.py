"""The features of a frozen U-Net for drawn frames: computed once per draw, and kept in a folder.

Most of the time of a step goes into the U-Net. Where it does not learn, a decoder sees hundreds of frames in
that time.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from autoseg3d_core.models.network import Network
from autoseg3d_core.modules.assembly_decoder import AssemblyInput
from autoseg3d_core.training.assembly import AssemblyTruth
from autoseg3d_core.training.samples import ClipSamples, Sample

PartT = TypeVar("PartT", AssemblyInput, AssemblyTruth)
VOXELS = 256
"""So many of a frame's coarse voxels are kept, drawn at random: attention to them is a mean, and does with
some."""


@dataclass(frozen=True, eq=False)
class KeptFrame:
    """A frame as the decoder sees it, and its truth, both at some of the points."""

    seen: AssemblyInput
    truth: AssemblyTruth

    def to(self, device: torch.device) -> KeptFrame:
        """Return the frame on a device."""
        return KeptFrame(_on(self.seen, device), _on(self.truth, device))


class KeptFrames:
    """The frames of draws of clips by number; what the folder lacks is computed.

    Each clip begins with an empty voxel memory, as a scene does.
    """

    def __init__(self, network: Network, samples: ClipSamples, points: int, folder: Path) -> None:
        self.network, self.samples, self.points, self.folder = network, samples, points, folder
        folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, draw: int) -> list[KeptFrame]:
        """Return the frames of the clip of this number."""
        files = [self.folder / f"{draw}_{index}.safetensors" for index in range(self.samples.frames)]
        if not all(file.exists() for file in files):
            for file, frame in zip(files, self._computed(draw), strict=True):
                _save(frame, file)
        return [_load(file) for file in files]

    @torch.no_grad()
    def _computed(self, draw: int) -> list[KeptFrame]:
        network, memory = self.network.eval(), self.network.new_memory().voxels
        generator, frames = torch.Generator().manual_seed(draw), []
        for sample in self.samples[draw]:
            (features,), (memory,) = network.encode([sample.cloud], [memory])
            frames.append(self._frame(sample, features, generator))
        return frames

    def _frame(self, sample: Sample, features: Tensor, generator: torch.Generator) -> KeptFrame:
        pooled = self.network.pool(sample.cloud, features, None)
        rows = torch.randperm(len(pooled.xyz), generator=generator)[: self.points].sort().values
        truth = AssemblyTruth.of(sample.targets, pooled.fragment, len(pooled.fragments))
        seen = AssemblyInput.of(pooled).at_points(rows)
        some = torch.randperm(len(seen.voxels), generator=generator)[:VOXELS]
        seen = dataclasses.replace(seen, voxels=seen.voxels[some], middles=seen.middles[some])
        return KeptFrame(seen, truth.at_points(rows))


def _save(frame: KeptFrame, file: Path) -> None:
    """Write a frame whole or not at all: vectors in half precision, places in single, rows as short
    numbers."""
    tensors = {
        f"{part}.{f.name}": getattr(getattr(frame, part), f.name)
        for part in ("seen", "truth")
        for f in dataclasses.fields(getattr(frame, part))
    }
    exact = ("seen.centers", "seen.xyz", "seen.middles", "seen.points", "truth.boxes", "truth.ids")
    small = {
        name: values if name in exact else values.half() if values.is_floating_point() else values.short()
        for name, values in tensors.items()
    }
    part = file.with_suffix(f".{np.random.default_rng().integers(1 << 31)}")
    save_file({name: values.contiguous() for name, values in small.items()}, str(part))
    part.replace(file)


def _load(file: Path) -> KeptFrame:
    stored = {n: t.float() if t.is_floating_point() else t.long() for n, t in load_file(str(file)).items()}

    def of(part: str) -> dict[str, Tensor]:
        return {name.split(".")[1]: values for name, values in stored.items() if name.startswith(part)}

    return KeptFrame(AssemblyInput(**of("seen.")), AssemblyTruth(**of("truth.")))


def _on(part: PartT, device: torch.device) -> PartT:
    moved: dict[str, Any] = {f.name: getattr(part, f.name).to(device) for f in dataclasses.fields(part)}
    return dataclasses.replace(part, **moved)
