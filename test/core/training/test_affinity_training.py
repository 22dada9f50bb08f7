import numpy as np
import pytest
import torch

from autoseg3d_core.checkpoints.affinity_weights import load_affinity_network
from autoseg3d_core.checkpoints.format import save
from autoseg3d_core.datasets.clips import PreparedScene
from autoseg3d_core.mask_makers.affinity_network import AffinityNetwork, AffinityShape
from autoseg3d_core.mask_makers.region_tree import RegionTree
from autoseg3d_core.structures import InputError
from autoseg3d_core.training.affinity import (
    AffinityTrainee,
    AffinityTrainingConfig,
    deepened,
    overlap_of,
    pairs_of,
)
from autoseg3d_core.training.affinity_data import AffinityBatches
from autoseg3d_core.training.depth_augmentation import worsened_depth
from autoseg3d_core.training.mask_augmentation import FIRST_SHEET


@pytest.fixture
def batches(prepared):
    return AffinityBatches([PreparedScene(prepared / "a")], 80, (64, 96), 2, 0)


def test_the_same_number_gives_the_same_batch(batches):
    first, again, other = batches(3), batches(3), batches(4)
    assert torch.equal(first.image, again.image)
    assert torch.equal(first.labels, again.labels)
    assert not torch.equal(first.image, other.image)
    assert first.image.shape == (2, 8, 64, 96)
    assert first.image.isfinite().all()


def test_augmentation_invents_no_labels_but_sheets_and_what_lies_beyond(batches):
    for number in range(6):
        part, instance = batches(number).labels.unbind(1)
        assert set(part[part < FIRST_SHEET].unique().tolist()) <= {-1, 0, 8, 9, 18, 19}
        assert set(instance[instance < FIRST_SHEET].unique().tolist()) <= {-1, 0, 4, 9}
        assert torch.equal(part == -1, instance == -1)
        assert torch.equal(part >= FIRST_SHEET, instance >= FIRST_SHEET)


@pytest.mark.parametrize("seed", range(10))
def test_worse_depth_invents_no_depth_where_there_was_none(seed):
    depth = np.full((40, 60), 2.0, np.float32)
    depth[10:20, 10:30], depth[:, 50:] = 1.0, 0.0
    worse = worsened_depth(depth, np.random.default_rng(seed))
    assert worse.shape == depth.shape
    assert worse.dtype == np.float32
    assert np.isfinite(worse).all()
    assert (worse[:, 55:] == 0).all()


def test_pairs_are_those_of_neighbours_within_the_image():
    labels = torch.tensor([[[[1, 1, 2], [1, -1, 2]]]], dtype=torch.int32)
    logits = torch.arange(12.0).reshape(1, 1, 2, 2, 3)
    said, true = pairs_of(logits, labels, ((0, 1), (1, 0)))
    assert said.tolist() == [0, 1, 6, 8]
    assert true.tolist() == [True, False, True, True]
    diagonal, _ = pairs_of(logits[:, :, :1], labels, ((1, -1),))
    assert diagonal.tolist() == [1]  # the other has its partner beyond the image


def test_overlap_is_intersection_over_union_with_the_best_thing_and_the_ground_is_none():
    tree = RegionTree(np.array([[1, 0], [0, 1], [1, 1]], bool), np.array([2, 2, -1]), np.ones(3, np.float32))
    labels = np.array([[0, 0, 1, 1]], np.int32)
    truth = np.array([[[5, 5, 5, 0]], [[0, 0, 0, 0]]], np.int32)
    assert overlap_of(tree, labels, truth) == pytest.approx(np.array([[2 / 3, 0], [1 / 4, 0], [3 / 4, 0]]))


def test_training_lowers_the_loss_and_its_weights_can_be_used(batches, tmp_path):
    torch.manual_seed(0)
    trainee = AffinityTrainee(AffinityTrainingConfig(), torch.device("cpu"), "autoseg3d train")
    optimizer = torch.optim.AdamW(trainee.module.parameters(), lr=3e-3)
    batch, totals = batches(0), []
    for _ in range(12):
        losses = trainee.losses(batch)
        total = sum(value for name, value in losses.items() if name != "quality")
        optimizer.zero_grad()
        (total + losses["quality"]).backward()
        optimizer.step()
        totals.append(total.item())
    assert totals[-1] < 0.7 * totals[0]
    save(tmp_path / "weights.safetensors", trainee.checkpoint(trainee.module, 12))
    assert load_affinity_network(tmp_path / "weights.safetensors").shape == trainee.module.shape


def test_training_starts_from_the_weights_that_it_is_given(tmp_path):
    torch.manual_seed(1)
    first = AffinityTrainee(AffinityTrainingConfig(), torch.device("cpu"))
    save(tmp_path / "first.safetensors", first.checkpoint(first.module, 0))
    config = AffinityTrainingConfig(start=str(tmp_path / "first.safetensors"))
    second = AffinityTrainee(config, torch.device("cpu"))
    for name, tensor in first.module.state_dict().items():
        assert torch.equal(second.module.state_dict()[name], tensor.half().to(tensor.dtype)), name


def test_new_blocks_begin_as_almost_no_change_and_can_learn():
    torch.manual_seed(0)
    before = AffinityNetwork(AffinityShape()).eval()
    after = deepened(before, (0, 3, 2, 4, 1)).eval()
    assert after.shape.blocks == (0, 3, 2, 4, 1)
    image = torch.randn(2, 8, 64, 96)
    with torch.no_grad():
        change = (after(image).near - before(image).near).abs().mean() / before(image).near.abs().mean()
    assert change < 0.05
    after(image).near.sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in after.down[3][-1].parameters())


@pytest.mark.parametrize("blocks", ["0,2,2,1,1", "0,2,2", "two", "-1,2,2,2,1"])
def test_blocks_that_cannot_be_are_refused(blocks):
    with pytest.raises(InputError, match=r"affinity\.blocks"):
        AffinityTrainee(AffinityTrainingConfig(blocks=blocks), torch.device("cpu"))
