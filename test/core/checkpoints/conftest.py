"""A file that would run a program of its own."""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path

import pytest
import torch

PROGRAM = """
import torch


class Hostile(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.zeros(2)

    def forward(self, x):
        return x

    @torch.jit.export
    def __getstate__(self) -> tuple[torch.Tensor, bool]:
        return self.weight, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[torch.Tensor, bool]) -> None:
        self.weight = torch.from_file("{trap}", True, 4).fill_(7.0)
        self.training = state[1]
"""
"""TorchScript that makes a file when it is loaded; the path of that file is part of its text."""


@pytest.fixture
def hostile_archive(tmp_path) -> tuple[Path, Path]:
    """A TorchScript archive, and the file that is there when the archive's program has run."""
    trap, source, file = tmp_path / "trap", tmp_path / "hostile.py", tmp_path / "hostile.pt"
    source.write_text(PROGRAM.replace("{trap}", str(trap)))
    spec = importlib.util.spec_from_file_location("hostile", source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        torch.jit.script(module.Hostile()).save(str(file))
    trap.unlink(missing_ok=True)
    return file, trap
