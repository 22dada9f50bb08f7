"""How often the network waits for a GPU, and how many operations it asks of it: neither may grow unseen."""

from __future__ import annotations

import pytest
import torch

from autoseg3d_core.models.network import Network, NetworkMemory
from autoseg3d_core.models.network_shape import NetworkShape
from autoseg3d_core.modules.voxel_memory import VoxelMemoryAdapter
from autoseg3d_core.operation_counts import Counts, OperationTimer
from autoseg3d_core.sparse.backends import backend_of
from autoseg3d_core.sparse.keys import Distinct
from autoseg3d_core.structures import FragmentCloud

WAITS = {
    "voxels": 1,  # one copy tells how many voxels every level has, and how far the farthest lies
    "unet": 0,
    "pooling": 0,
    "memory": 15,  # the host keeps the tiles of what is remembered: five for each of three strides
}
"""All waits of a frame from the lifted cloud to the pooled fragments, with their reason."""
OPERATIONS = {"voxels": 125, "unet": 345, "pooling": 85, "memory": 830}
"""Operations per frame that may not be exceeded."""


@pytest.fixture(autouse=True)
def _as_on_a_gpu(monkeypatch):
    """Let a CPU not look how many distinct keys there are, as a GPU would have to be waited for."""
    monkeypatch.setattr(Distinct, "shortest", property(lambda found: found.keys))


def cloud(seed: int, loose: int = 100, points: int = 3000) -> FragmentCloud:
    generator = torch.Generator().manual_seed(seed)
    xyz = torch.rand(points, 3, generator=generator) * torch.tensor([2.0, 2.0, 0.1])
    fragment = torch.randint(0, 12, (points,), generator=generator)
    fragment[:loose] = -1
    rgb = torch.rand(points, 3, generator=generator)
    return FragmentCloud(xyz, rgb, fragment, torch.arange(points), torch.ones(12))


def run(network: Network, frame: FragmentCloud, memory: NetworkMemory, timer: OperationTimer) -> torch.Tensor:
    with timer.stage("voxels"):
        tensor, (rows,) = network.voxels_of([frame])
    with timer.stage("unet"):
        stem = network.unet.stem(tensor)
        levels = network.unet.encode(stem)
    with timer.stage("memory"):
        levels, _ = network.part(VoxelMemoryAdapter)(levels, [memory.voxels])
    with timer.stage("unet"):
        features = network.unet.decode(stem, levels).features
    with timer.stage("pooling"):
        return network.pooling(features[rows], frame.xyz, frame.fragment, 12).features


def counted(network: Network) -> dict[str, Counts]:
    with torch.inference_mode():
        _, (memory,) = network([cloud(0)], [network.new_memory()])
        timer = OperationTimer()
        run(network, cloud(1), memory, timer)
    return timer.stages


def test_from_the_cloud_to_the_fragments_nothing_waits_but_what_is_listed():
    torch.manual_seed(0)
    found = counted(Network(NetworkShape(unet="edge"), backend_of("gather")).eval())
    waits = {stage: counts.waits for stage, counts in found.items()}
    assert {stage: n for stage, n in waits.items() if n > WAITS[stage]} == {}


def test_operations_stay_within_their_bounds():
    torch.manual_seed(0)
    found = counted(Network(NetworkShape(unet="edge"), backend_of("gather")).eval())
    assert {stage: c.operations for stage, c in found.items() if c.operations > OPERATIONS[stage]} == {}


def test_a_frame_counted_like_on_a_gpu_gives_what_a_cpu_gives(monkeypatch):
    torch.manual_seed(0)
    network = Network(NetworkShape(unet="edge"), backend_of("gather")).eval()
    found = []
    with torch.inference_mode():
        for _ in range(2):
            memory = network.new_memory()
            for seed in (0, 1):
                heads, (memory,) = network([cloud(seed)], [memory])
            found.append(heads[0][-1].mask_logits)
            monkeypatch.undo()
    assert torch.equal(*found)


@pytest.mark.parametrize("loose", [0, 1, 500])
def test_loose_points_change_no_fragment(loose):
    torch.manual_seed(0)
    pooling = Network(NetworkShape(unet="edge"), backend_of("gather")).eval().pooling
    frame = cloud(0, loose)
    held = frame.fragment >= 0
    features = torch.randn(3000, 48)
    with torch.inference_mode():
        all_points = pooling(features, frame.xyz, frame.fragment, 12)
        without = pooling(features[held], frame.xyz[held], frame.fragment[held], 12)
    torch.testing.assert_close(all_points.features, without.features)
    torch.testing.assert_close(all_points.sizes, without.sizes)
    assert torch.equal(all_points.weights[held], without.weights)
    assert not all_points.weights[~held].any()
