"""Sparse layers: their backends by name, and what is said of one that is missing."""

from __future__ import annotations

import copy
import sys
import threading
import types

import pytest
import torch

from autoseg3d_core.config import ConfigError
from autoseg3d_core.sparse.backends import backend_of, triton_works
from autoseg3d_core.sparse.layers import DownConv, SubmanifoldConv, UpConv
from autoseg3d_core.sparse.tensor import sparse_tensor


def test_a_backend_that_is_not_installed_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "autoseg3d_core.sparse.spconv_backend", None)
    with pytest.raises(ConfigError, match="pip install spconv"):
        backend_of("spconv")


def test_triton_that_is_not_installed_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "autoseg3d_core.sparse.triton_backend", None)
    with pytest.raises(ConfigError, match="pip install triton, or choose 'torch'"):
        backend_of("triton")


@pytest.mark.parametrize("trouble", [RuntimeError("no ptxas\nfor sm_999"), ArithmeticError(), None])
def test_triton_is_left_out_where_it_does_not_work_and_that_is_said_once(monkeypatch, caplog, trouble):
    def check(device: torch.device) -> None:
        if trouble is not None:
            raise trouble

    monkeypatch.setitem(
        sys.modules, "autoseg3d_core.sparse.triton_backend", types.SimpleNamespace(check=check)
    )
    triton_works.cache_clear()
    try:
        assert [triton_works(torch.device("cuda")) for _ in range(3)] == [trouble is None] * 3
    finally:
        triton_works.cache_clear()
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == (trouble is not None)
    assert all("Triton is left out" in line and "\n" not in line for line in said)


def test_an_unknown_backend_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match="choose one of gather, spconv, torch, triton"):
        backend_of("cudnn")


def test_spconv_refuses_to_train_on_a_cpu_and_says_what_to_choose():
    pytest.importorskip("spconv", reason="spconv is not installed: its refusal cannot be seen")
    x = sparse_tensor(torch.randn(1, 9), torch.zeros(1, 3, dtype=torch.int64))
    with pytest.raises(ConfigError, match="choose the sparse backend 'torch'"):
        SubmanifoldConv(9, 9, backend=backend_of("spconv"))(x)


def test_spconv_sees_a_weight_that_was_changed_in_place():
    pytest.importorskip("spconv", reason="spconv is not installed: its weights cannot be changed")
    x = sparse_tensor(torch.randn(1, 9), torch.zeros(1, 3, dtype=torch.int64))
    layer = SubmanifoldConv(9, 9, backend=backend_of("spconv"))
    with torch.no_grad():
        before = layer(x).features
        layer.weight.mul_(2)
        torch.testing.assert_close(layer(x).features, 2 * before)


def test_layers_copy_and_keep_one_canonical_weight_layout():
    layers = [SubmanifoldConv(3, 4, kernel=5), DownConv(4, 6), UpConv(6, 4)]
    shapes = [tuple(copy.deepcopy(layer).weight.shape) for layer in layers]
    assert shapes == [(125, 3, 4), (8, 4, 6), (8, 6, 4)]


def test_new_weights_keep_the_size_of_features():
    torch.manual_seed(0)
    cells = torch.unique(torch.randint(0, 30, (3000, 3)), dim=0)
    x = sparse_tensor(torch.randn(len(cells), 32), cells)
    with torch.no_grad():
        for layer in (SubmanifoldConv(32, 32), DownConv(32, 32), UpConv(32, 32)):
            x = layer(x.replaced(torch.randn_like(x.features)))
            assert 0.1 < float(x.features.std()) < 3


def test_a_layer_works_outside_inference_mode_after_its_first_use_inside_it():
    layer = SubmanifoldConv(64, 8)
    tensor = sparse_tensor(torch.rand(20, 64), torch.arange(60).view(20, 3) // 3)
    results = []

    def use():
        with torch.inference_mode():
            results.append(layer(tensor).features)
        results.append(layer(tensor).features)

    thread = threading.Thread(target=use)  # one that has not used any layer
    thread.start()
    thread.join()
    assert torch.equal(*results)
