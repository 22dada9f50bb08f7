"""The assembled network: batches, memory, colours, and frames with next to nothing in them."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from autoseg3d_core.models.network import COLOUR_MEAN, Network
from autoseg3d_core.models.network_shape import NetworkShape
from autoseg3d_core.models.perception import read_head
from autoseg3d_core.modules.blocks import Norm
from autoseg3d_core.modules.image_features import ImageFeaturesShape
from autoseg3d_core.modules.query_decoder import QueriesShape
from autoseg3d_core.modules.recent_queries import RecentShape
from autoseg3d_core.modules.wholeness import WholenessShape
from autoseg3d_core.structures import CameraIntrinsics, FragmentCloud, ImageView

SHAPE = NetworkShape(unet="edge")


def cloud(points: int = 300, fragments: int = 5, seed: int = 0) -> FragmentCloud:
    generator = torch.Generator().manual_seed(seed)
    fragment = torch.arange(points) % max(fragments, 1) - (0 if fragments else 1)
    xyz = torch.rand(points, 3, generator=generator) - 0.5
    rgb = torch.rand(points, 3, generator=generator)
    return FragmentCloud(xyz, rgb, fragment, torch.arange(points), torch.ones(fragments))


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    net = Network(SHAPE).eval()
    for level in net.voxel_memory.levels:
        torch.nn.init.ones_(level.norm.weight)
    return net.requires_grad_(False)


def test_a_voxel_has_the_normalised_mean_colour_of_its_points(network):
    same = torch.tensor([[0.011, -0.011, 0.001], [0.013, -0.001, 0.001], [0.05, 0.05, 0.05]])
    rgb = torch.tensor([[0.0, 0.0, 0.0], [2 * c for c in COLOUR_MEAN], [0.5, 0.5, 0.5]])
    given = FragmentCloud(same, rgb, torch.zeros(3).long(), torch.arange(3), torch.ones(1))
    tensor, [rows] = network.voxels_of([given])
    assert tensor.level.cells.tolist() == [[0, 0, -1, 0], [0, 2, 2, 2]]
    assert rows.tolist() == [0, 0, 1]
    torch.testing.assert_close(tensor.features[0], torch.zeros(3), atol=1e-5, rtol=0)


def test_a_batch_of_scenes_is_its_scenes_one_by_one(network):
    frames = [[cloud(seed=0), cloud(seed=1)], [cloud(200, 3, seed=2), cloud(seed=3)]]
    memories = [network.new_memory()] * 2
    singles = [[network.new_memory()], [network.new_memory()]]
    for now in frames:
        heads, memories = network(now, memories)
        for scene, given in enumerate(now):
            [alone], singles[scene] = network([given], singles[scene])
            torch.testing.assert_close(
                heads[scene][-1].mask_logits, alone[-1].mask_logits, rtol=1e-3, atol=1e-4
            )


def test_how_whole_masks_are_counts_only_where_somebody_knows_it(network):
    aware = Network(dataclasses.replace(SHAPE, wholeness=WholenessShape())).eval().requires_grad_(False)
    aware.load_state_dict(network.state_dict(), strict=False)
    given = cloud()
    told = dataclasses.replace(given, wholeness=torch.tensor([0.9, -1, 0.1, -1, -1]))

    def fragments(cloud):
        [features], _ = aware.encode([cloud], [aware.new_memory().voxels])
        return aware.pool(cloud, features, None).fragments

    assert torch.equal(fragments(told), fragments(given)), "nothing is added before it is learned"
    torch.nn.init.ones_(aware.wholeness.layer.weight)
    moved = (fragments(told) - fragments(given))[:, 0]
    torch.testing.assert_close(moved, torch.tensor([1.9, 0, 1.1, 0, 0]))


def test_what_was_seen_before_matters_and_starting_over_forgets_it(network):
    [fresh], _ = network([cloud(seed=1)], [network.new_memory()])
    _, memories = network([cloud(seed=0)], [network.new_memory()])
    [later], _ = network([cloud(seed=1)], memories)
    [again], _ = network([cloud(seed=1)], [network.new_memory()])
    assert not torch.allclose(fresh[-1].mask_logits, later[-1].mask_logits)
    assert torch.equal(fresh[-1].mask_logits, again[-1].mask_logits)


@pytest.mark.parametrize(("points", "fragments"), [(0, 0), (1, 1), (50, 0), (3, 1)])
def test_a_frame_with_next_to_nothing_gives_finite_predictions(network, points, fragments):
    memories = [network.new_memory()]
    for seed in range(2):
        [heads], memories = network([cloud(points, fragments, seed)], memories)
        prediction = read_head(heads[-1])
        assert prediction.mask_logits.shape == (fragments, points)
        assert all(torch.isfinite(v).all() for v in vars(prediction).values())


def test_all_points_in_one_voxel_give_finite_predictions(network):
    generator = torch.Generator().manual_seed(0)
    xyz = torch.rand(100, 3, generator=generator) * 0.01
    given = FragmentCloud(xyz, xyz, torch.arange(100) % 4, torch.arange(100), torch.ones(4))
    [heads], _ = network([given], [network.new_memory()])
    assert torch.isfinite(heads[-1].mask_logits).all()
    assert heads[-1].mask_logits.shape == (4, 100)


def test_a_network_without_memory_boxes_and_embedding_still_predicts():
    shape = NetworkShape("edge", decoder=QueriesShape(boxes=False), voxel_memory=None, embedding=None)
    bare = Network(shape).eval()
    [heads], _ = bare([cloud()], [bare.new_memory()])
    prediction = read_head(heads[-1])
    assert (prediction.scene_boxes == 0).all()
    assert torch.equal(prediction.queries, heads[-1].queries)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device: half precision is for GPUs")
def test_half_precision_of_the_unet_on_a_gpu_is_close_to_single(network):
    network.cuda()
    here = cloud()
    given = FragmentCloud(**{name: value.cuda() for name, value in vars(here).items() if name != "view"})
    [single], _ = network([given], [network.new_memory()])
    network.halve_unet()
    memories = [network.new_memory()]
    for _ in range(2):
        [half], memories = network([given], memories)
    assert torch.isfinite(half[-1].mask_logits).all()
    [half], _ = network([given], [network.new_memory()])
    torch.testing.assert_close(half[-1].mask_logits, single[-1].mask_logits, rtol=0.1, atol=0.1)


def test_norms_keep_the_statistics_that_half_precision_cannot_hold(network):
    norm = next(module for module in network.unet.modules() if isinstance(module, Norm))
    norm.running_var.fill_(1e6)
    norm.running_mean.fill_(3.00001)
    network.halve_unet()
    assert (norm.running_var == 1e6).all()
    assert (norm.running_mean == torch.tensor(3.00001)).all()
    rows = torch.full((4, len(norm.running_mean)), 1000.0, dtype=torch.float16)
    torch.testing.assert_close(norm(rows), torch.full_like(rows, 0.997), rtol=1e-3, atol=0)


def test_a_voxel_reads_the_image_where_its_lowest_corner_is():
    network = (
        Network(NetworkShape(unet="edge", image_features=ImageFeaturesShape(2))).eval().requires_grad_(False)
    )
    read = []
    network.image_features.register_forward_pre_hook(lambda _, given: read.append(given[1]))
    row, column = torch.meshgrid(torch.arange(31.0), torch.arange(41.0), indexing="ij")
    camera = CameraIntrinsics(40.0, 40.0, 20.0, 15.0, 40, 30)  # the map ends at pixels 40 and 30
    view = ImageView(torch.stack([column, row]), camera, torch.eye(4, dtype=torch.float64))
    here = cloud(1)
    here = dataclasses.replace(here, xyz=torch.tensor([[0.119, -0.061, 1.011]]), view=view)
    network([here], [network.new_memory()])
    corner = torch.tensor([0.10, -0.08, 1.0])
    expected = torch.stack([40 * corner[0] / corner[2] + 20, 40 * corner[1] / corner[2] + 15])
    torch.testing.assert_close(read[0][0], expected, rtol=1e-4, atol=1e-4)


def test_the_voxel_parts_run_in_half_precision_and_the_rest_in_single(network):
    [single], _ = network([cloud()], [network.new_memory()])
    network.halve_unet()
    memories = [network.new_memory()]
    [half], memories = network([cloud()], memories)
    [later], _ = network([cloud(seed=1)], memories)
    assert half[-1].mask_logits.dtype == torch.float32
    torch.testing.assert_close(half[-1].mask_logits, single[-1].mask_logits, rtol=0.1, atol=0.1)
    assert torch.isfinite(later[-1].mask_logits).all()


def test_a_fragment_that_stays_where_it_was_is_at_no_distance_from_itself():
    torch.manual_seed(0)
    looking = Network(dataclasses.replace(SHAPE, recent=RecentShape())).eval().requires_grad_(False)
    lowered = []
    looking.recent.scale.register_forward_hook(lambda *call: lowered.append(call[2]))
    looking.recent.scale.linear.bias.fill_(1.0)
    first, second = cloud(seed=0), cloud(seed=1)
    memories = [looking.new_memory()]
    for now in (first, first, second):
        _, memories = looking([now], memories)

    def middle(part: FragmentCloud) -> torch.Tensor:
        return torch.stack([part.xyz[part.fragment == row].mean(dim=0) for row in range(5)])

    for part, found in zip((first, second), lowered, strict=True):
        expected = -torch.cdist(middle(part), middle(first))
        torch.testing.assert_close(found, expected.expand(8, 5, 5), rtol=1e-4, atol=1e-3)
    assert lowered[1].abs().max() > 0.01
