"""The sparse U-Nets: sizes, agreement of backends, and frames that hardly are any."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from autoseg3d_core.modules.embedding_head import EmbeddingHead
from autoseg3d_core.modules.fragment_pooling import FragmentPooling
from autoseg3d_core.modules.query_decoder import DecoderShape, QueryDecoder
from autoseg3d_core.modules.sparse_unet import EDGE, RES16UNET34C, SHAPES, SparseUNet
from autoseg3d_core.modules.voxel_memory import VoxelMemoryAdapter
from autoseg3d_core.sparse.backends import backend_of
from autoseg3d_core.sparse.kernel_maps import submanifold_map
from autoseg3d_core.sparse.tensor import sparse_batch, sparse_tensor


def some_cells(count: int = 600, span: int = 24, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.unique(torch.randint(-span // 2, span // 2, (count, 3), generator=generator), dim=0)


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_parameter_counts_are_the_published_ones():
    counts = [
        parameters(SparseUNet(RES16UNET34C)),
        parameters(VoxelMemoryAdapter(RES16UNET34C.remembered_channels)),
        parameters(FragmentPooling(RES16UNET34C.channels)),
        parameters(QueryDecoder(DecoderShape())),
        parameters(EmbeddingHead()),
    ]
    assert counts == [37_854_112, 4_964_160, 28_896, 3_644_113, 264_448]
    assert sum(counts) == 46_755_729


def test_the_published_network_puts_out_96_channels_and_remembers_four_levels():
    assert RES16UNET34C.channels == 96
    assert RES16UNET34C.remembered_channels == (32, 64, 128, 256)


def multiply_adds(shape_name: str, cells: torch.Tensor) -> int:
    """Count the products of all layers by what the backend is asked to do."""
    total = 0
    net = SparseUNet(SHAPES[shape_name]).eval()

    def count(module: nn.Module, inputs: tuple, output: object) -> None:
        nonlocal total
        if isinstance(module, nn.Linear):
            total += len(inputs[0]) * module.weight.numel()
        elif hasattr(module, "weight") and module.weight.ndim == 3:
            tensor = inputs[0]
            kind = type(module).__name__
            pairs = {"DownConv": len(tensor), "UpConv": len(output.features)}.get(kind)
            if pairs is None:
                pairs = len(submanifold_map(tensor, module.weight, 1).pairs.source)
            total += pairs * module.weight[0].numel()

    for module in net.modules():
        module.register_forward_hook(count)
    with torch.no_grad():
        net(sparse_tensor(torch.rand(len(cells), 3), cells))
    return total


def test_the_edge_network_does_a_twentieth_of_the_arithmetic():
    floor = torch.cartesian_prod(torch.arange(50), torch.arange(50), torch.arange(1))
    assert multiply_adds("res16unet34c", floor) > 20 * multiply_adds("edge", floor)


@pytest.mark.parametrize("shape", [EDGE, RES16UNET34C], ids=["edge", "res16unet34c"])
def test_both_backends_give_the_same_features(shape):
    pytest.importorskip("spconv", reason="spconv is not installed: its backend cannot be compared")
    torch.manual_seed(0)
    ours = SparseUNet(shape).eval()
    theirs = SparseUNet(shape, backend=backend_of("spconv")).eval()
    theirs.load_state_dict(ours.state_dict())
    cells = some_cells()
    colours = torch.rand(len(cells), 3)
    with torch.no_grad():
        a, b = (net(sparse_tensor(colours, cells)).features for net in (ours, theirs))
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", sorted(SHAPES))
@pytest.mark.parametrize("count", [0, 1, 2])
@pytest.mark.parametrize("training", [True, False])
def test_a_frame_of_hardly_any_voxels_passes(name, count, training):
    net = SparseUNet(SHAPES[name]).train(training)
    cells = torch.tensor([[-1, 0, 0], [100_000, 5, 5]])[:count]
    out = net(sparse_tensor(torch.rand(count, 3), cells))
    assert out.features.shape == (count, SHAPES[name].channels)
    assert torch.isfinite(out.features).all()


def test_a_batch_gives_what_its_frames_give_alone():
    net = SparseUNet(EDGE).eval()
    one, two = some_cells(seed=1), some_cells(300, span=40, seed=2)
    a, b = torch.rand(len(one), 3), torch.rand(len(two), 3)
    with torch.no_grad():
        both = net(sparse_batch([a, b], [one, two])).features
        alone = torch.cat([net(sparse_tensor(a, one)).features, net(sparse_tensor(b, two)).features])
    torch.testing.assert_close(both, alone, rtol=1e-4, atol=1e-5)


def test_gradients_reach_every_weight_and_do_not_depend_on_evaluation_in_place():
    torch.manual_seed(0)
    net = SparseUNet(EDGE).train()
    cells = some_cells(1500, span=30)
    net(sparse_tensor(torch.rand(len(cells), 3), cells)).features.square().sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters())
    net.eval()
    x = sparse_tensor(torch.rand(len(cells), 3), cells)
    with torch.no_grad():
        without = net(x).features
    torch.testing.assert_close(net(x).features, without, rtol=1e-4, atol=1e-5)


def test_a_network_can_be_copied():
    net = SparseUNet(EDGE).eval()
    cells = some_cells(50)
    x = sparse_tensor(torch.rand(len(cells), 3), cells)
    torch.testing.assert_close(copy.deepcopy(net)(x).features, net(x).features)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device: half precision is for GPUs")
def test_half_precision_on_a_gpu_is_close_to_single():
    net = SparseUNet(RES16UNET34C).eval().cuda()
    cells = some_cells().cuda()
    colours = torch.rand(len(cells), 3, device="cuda")
    with torch.no_grad():
        single = net(sparse_tensor(colours, cells)).features
        half = net.half()(sparse_tensor(colours.half(), cells)).features
    torch.testing.assert_close(half.float(), single, rtol=0.05, atol=0.02)
