"""A device gets a sparse backend that runs on it, or an error that tells what to set or install."""

import types

import pytest
import torch

from autoseg3d_core.config import ConfigError
from autoseg3d_core.sparse import backends


@pytest.mark.parametrize(
    ("asked", "device", "triton", "for_gpus", "name"),
    [
        ("auto", "cuda", True, True, "triton"),
        ("auto", "cuda", False, True, "spconv"),
        ("auto", "cuda", False, False, "gather"),
        ("auto", "cuda", False, None, "gather"),
        ("auto", "cpu", True, True, "torch"),
        ("spconv", "cpu", True, False, "spconv"),
        ("torch", "cuda", True, True, "torch"),
        ("gather", "cpu", True, True, "gather"),
    ],
)
def test_a_device_gets_the_fastest_backend_that_works_on_it(
    monkeypatch, asked, device, triton, for_gpus, name
):
    monkeypatch.setattr(backends, "spconv_is_for_gpus", lambda: for_gpus)
    monkeypatch.setattr(backends, "triton_works", lambda place: triton)
    monkeypatch.setattr(backends, "backend_of", lambda name: types.SimpleNamespace(name=name))
    assert backends.backend_on(torch.device(device), asked).name == name


def test_triton_is_refused_on_a_cpu_with_what_to_set():
    with pytest.raises(ConfigError, match=r"backend=triton needs a GPU.*cpu: set auto"):
        backends.backend_on(torch.device("cpu"), "triton")


def test_a_cpu_build_of_spconv_is_refused_on_a_gpu_with_what_to_install(monkeypatch):
    monkeypatch.setattr(backends, "spconv_is_for_gpus", lambda: False)
    with pytest.raises(ConfigError, match=r"pip install.*spconv-cu120"):
        backends.backend_on(torch.device("cuda"), "spconv")
