"""Our checkpoint format: it comes back as it went, and says what is wrong with what does not fit."""

from __future__ import annotations

import os

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from autoseg3d_core.checkpoints import format as our_format
from autoseg3d_core.checkpoints.format import Checkpoint
from autoseg3d_core.structures import InputError


def test_a_checkpoint_comes_back_as_it_went(tmp_path):
    layer = nn.Linear(3, 2)
    our_format.save(tmp_path / "a.safetensors", Checkpoint(layer.state_dict(), {"size": [3, 2]}, "a test"))
    back = our_format.load(tmp_path / "a.safetensors")
    other = nn.Linear(3, 2)
    our_format.fill(other, back.tensors, "a")
    assert torch.equal(other.weight, layer.weight)
    assert back.config == {"size": [3, 2]}
    assert back.source == "a test"


def test_weights_that_do_not_fit_are_listed_one_and_all():
    tensors = {"weight": torch.zeros(2, 4), "scale": torch.zeros(1)}
    with pytest.raises(InputError) as error:
        our_format.fill(nn.Linear(3, 2), tensors, "the file")
    for words in ("missing bias", "unexpected scale", "weight is (2, 4), expected (2, 3)"):
        assert words in str(error.value)


def test_files_that_are_not_ours_are_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    with pytest.raises(InputError, match="no checkpoint at"):
        our_format.load(path)
    path.write_bytes(b"not tensors at all")
    with pytest.raises(InputError, match="cannot be read as safetensors"):
        our_format.load(path)
    save_file({"a": torch.zeros(1)}, str(path))
    with pytest.raises(InputError, match="was not written by autoseg3d"):
        our_format.load(path)
    save_file({"a": torch.zeros(1)}, str(path), metadata={"format": "autoseg3d", "version": "99"})
    with pytest.raises(InputError, match="version 99"):
        our_format.load(path)


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_checkpoint_may_be_read_by_whom_the_umask_lets(tmp_path, mask, mode):
    old = os.umask(mask)
    try:
        our_format.save(tmp_path / "a.safetensors", Checkpoint({"a": torch.zeros(1)}, {}))
    finally:
        os.umask(old)
    assert (tmp_path / "a.safetensors").stat().st_mode & 0o777 == mode
