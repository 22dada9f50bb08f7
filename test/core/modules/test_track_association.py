import numpy as np
import pytest
import torch
from slow_twins.samples import array, random_weights

from autoseg3d_core.geometry.boxes import box_iou_3d
from autoseg3d_core.modules.pair_geometry import box_rows
from autoseg3d_core.modules.track_association import TrackAssociation

WIDTH = 16


@pytest.fixture
def association():
    return random_weights(TrackAssociation(WIDTH, heads=4), seed=3)


def rows(seed, count, spread=2.0):
    generator = torch.Generator().manual_seed(seed)
    double = {"generator": generator, "dtype": torch.float64}
    low = spread * torch.rand(count, 3, **double)
    boxes = torch.cat([low, low + 0.3 + torch.rand(count, 3, **double)], dim=1)
    return torch.randn(count, WIDTH, **double), boxes


@torch.no_grad()
def test_a_pair_scores_as_the_vector_of_the_pair_does(association):
    (instances, boxes), (tracks, track_boxes) = rows(0, 5), rows(1, 7)
    logits = association(instances, boxes, tracks, track_boxes)
    meets = box_iou_3d(boxes, track_boxes)
    assert 0 < int((meets > 0).sum()) < meets.numel()
    for i in range(5):
        for j in range(7):
            pair = instances[i] * tracks[j] + association.overlap(meets[i, j][None])[0]
            torch.testing.assert_close(logits.share[i, j], association.share(pair)[0])
            torch.testing.assert_close(logits.confidence[i, j], association.confidence(pair)[0])


@torch.no_grad()
def test_affinity_is_the_share_among_tracks_times_the_confidence(association):
    logits = association(*rows(0, 5), *rows(1, 7))
    share = np.exp(array(logits.share))
    share /= share.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(logits.affinity(), share / (1 + np.exp(-array(logits.confidence))))


@torch.no_grad()
def test_instances_are_described_alike_in_any_order(association):
    queries, boxes = rows(0, 6)
    order = torch.randperm(6)
    here, there = association.describe(queries, boxes), association.describe(queries[order], boxes[order])
    torch.testing.assert_close(here.as_instance[order], there.as_instance)
    torch.testing.assert_close(here.as_track[order], there.as_track)


@torch.no_grad()
@pytest.mark.parametrize(("instances", "tracks"), [(0, 3), (3, 0), (0, 0), (1, 1)])
def test_none_of_either_kind_is_no_error(association, instances, tracks):
    queries, boxes = rows(0, instances)
    described = association.describe(queries, boxes)
    assert described.as_track.shape == (instances, WIDTH)
    assert association(described.as_instance, boxes, *rows(1, tracks)).affinity().shape == (instances, tracks)


def test_every_part_learns(association):
    association.requires_grad_(True)
    queries, boxes = rows(0, 6)
    described = association.describe(queries, boxes)
    logits = association(described.as_instance, boxes, described.as_track, boxes)
    logits.affinity().sum().backward()
    for name, parameter in association.named_parameters():
        assert parameter.grad is not None, name


@torch.no_grad()
def test_without_appearance_boxes_alone_decide_and_without_a_gate_shares_add_up_to_one():
    bare = random_weights(TrackAssociation(WIDTH, heads=4, appearance=False, gate=False), seed=3)
    (queries, boxes), tracks = rows(0, 5), rows(1, 7)
    described = bare.describe(queries, boxes)
    logits = bare(described.as_instance, boxes, *tracks)
    torch.testing.assert_close(bare(-queries, boxes, *tracks).share, logits.share)
    assert logits.confidence is None
    torch.testing.assert_close(logits.affinity().sum(dim=1), torch.ones(5, dtype=torch.float64))


def test_a_box_is_told_by_its_middle_and_its_size():
    boxes = torch.tensor([[1.0, 2, 3, 2, 6, 9], [-1, -1, -1, 1, 1, 1]])
    assert box_rows(boxes).tolist() == [[1.5, 4, 6, 1, 4, 6], [0, 0, 0, 2, 2, 2]]
