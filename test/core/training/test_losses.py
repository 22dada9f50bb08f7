import numpy as np
import pytest
import torch
from scipy.special import expit
from torch.nn import functional

from autoseg3d_core.training import losses
from autoseg3d_core.training.matching import match
from autoseg3d_core.training.targets import FrameTargets, fragment_objects


def slow_cost(logits, truth):
    """Entropy and dice of one query and one object."""
    p = expit(logits)
    entropy = -(truth * np.log(p) + (1 - truth) * np.log(1 - p)).mean()
    return entropy + 1 - (2 * (p * truth).sum() + 1) / (p.sum() + truth.sum() + 1)


def test_the_cost_of_every_pair_is_that_of_the_pair_alone():
    rng = np.random.default_rng(0)
    logits, truth = rng.normal(size=(5, 40)), (rng.random((3, 40)) < 0.4).astype(float)
    cost = losses.mask_cost(torch.from_numpy(logits), torch.from_numpy(truth))
    expected = [[slow_cost(q, t) for t in truth] for q in logits]
    np.testing.assert_allclose(cost, expected)
    entropy, dice = losses.mask_losses(torch.from_numpy(logits[:3]), torch.from_numpy(truth))
    assert float(entropy + dice) == pytest.approx(np.mean([slow_cost(logits[i], truth[i]) for i in range(3)]))


def test_the_background_weighs_a_tenth():
    logits = torch.randn(4, 3)
    labels = torch.tensor([0, 2, 2, 1])
    each = functional.cross_entropy(logits, labels, reduction="none")
    weight = torch.tensor([1, 0.1, 0.1, 1])
    assert float(losses.class_loss(logits, labels)) == pytest.approx(
        float((each * weight).sum() / weight.sum())
    )


def test_an_object_that_nobody_named_may_be_of_any_class_but_none():
    logits = torch.tensor([[2.0, -1.0, 0.5], [0.0, 0.0, 3.0]])
    said = logits.softmax(dim=1)
    expected = -(said[:, 0] + said[:, 1]).log().mean()
    torch.testing.assert_close(losses.class_loss(logits, torch.tensor([-1, -1])), expected)
    masks = torch.ones(1, 4)
    sure = torch.tensor([[0.0, 0.0, 5.0], [3.0, 3.0, 0.0]])
    found = match(sure, torch.zeros(2, 4), torch.zeros(2).long(), torch.tensor([-1]), masks)
    assert found.query.tolist() == [1]


@pytest.mark.parametrize(
    ("box", "loss"),
    [
        ((0, 0, 0, 1, 1, 1), 0.0),
        ((0, 0, 0, 2, 1, 1), 0.5 + (0.5**2 + np.log(2) ** 2) / 2 / 6),
        ((1, 0, 0, 2, 1, 1), 1.0 + (1 - 0.5) / 6),
        ((3, 0, 0, 4, 1, 1), 1.5 + (3 - 0.5) / 6),
    ],
)
def test_a_box_loses_what_it_does_not_share_the_gap_and_how_far_it_is_off(box, loss):
    cube = torch.tensor([[0, 0, 0, 1, 1, 1.0]])
    assert float(losses.box_loss(torch.tensor([box]).float(), cube)) == pytest.approx(loss)


def test_a_box_that_misses_its_object_learns_where_to_go():
    box = torch.tensor([[3, 0, 0, 4, 1, 1.0]], requires_grad=True)
    losses.box_loss(box, torch.tensor([[0, 0, 0, 1, 1, 1.0]])).backward()
    assert box.grad[0, 0] > 0


def test_the_contrast_is_least_for_embeddings_that_tell_objects_apart():
    good = torch.eye(4)
    ids = torch.tensor([3, 5, 8, 9])
    apart = losses.contrast_loss(good, good[[2, 0, 1]], ids, ids[[2, 0, 1]])
    mixed = losses.contrast_loss(good, good[[1, 2, 0]], ids, ids[[2, 0, 1]])
    assert float(apart) < 1e-4 < 5 < float(mixed)
    assert float(losses.contrast_loss(good, good, ids, ids + 100)) == 0


def test_pairs_of_one_object_weigh_as_much_as_all_others():
    logits = torch.tensor([2.0, -1.0, -1.0, 0.5])
    same = torch.tensor([True, False, False, False])
    entropy = functional.binary_cross_entropy_with_logits(logits, same.float(), reduction="none")
    assert float(losses.pair_loss(logits, same)) == pytest.approx(float(entropy[0] + entropy[1:].mean()))


@pytest.mark.parametrize("rows", [0, 3])
def test_nothing_to_compare_is_no_loss_but_has_a_gradient(rows):
    logits = torch.randn(rows, 4, requires_grad=True)
    none = torch.full((rows,), -1)
    total = losses.label_loss(logits, none) + sum(losses.mask_losses(logits[:0], logits[:0]))
    total = total + losses.box_loss(logits.new_zeros(0, 6), logits.new_zeros(0, 6))
    total = total + losses.pair_loss(logits[:0], torch.zeros(0, 4, dtype=torch.bool))
    total.backward()
    assert float(total.detach()) == 0
    assert torch.isfinite(logits.grad).all()


def targets():
    """Two objects over ten points: the first owns points 0 to 3, the second 4 to 6."""
    owner = torch.tensor([0, 0, 0, 0, 1, 1, 1, -1, -1, -1])
    return FrameTargets(owner, torch.tensor([7, 9]), torch.tensor([2, 0]), torch.zeros(2, 6))


def test_a_fragment_lies_in_the_object_that_owns_more_than_half_of_it():
    fragment = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, -1, 3])
    shares = targets().shares(fragment, 4)
    np.testing.assert_allclose(shares, [[1, 1 / 3, 0, 0], [0, 2 / 3, 0.5, 0]])
    assert fragment_objects(shares).tolist() == [0, 1, -1, -1]
    assert fragment_objects(shares[:0]).tolist() == [-1] * 4


def test_masks_are_those_of_the_points_asked_for():
    whole = targets().masks()
    assert whole.sum(dim=1).tolist() == [4, 3]
    rows = torch.tensor([0, 4, 9])
    assert torch.equal(targets().masks(rows), whole[:, rows])


@pytest.mark.parametrize("per_object", [1, 2, 4])
def test_an_object_takes_the_cheapest_of_the_queries_inside_it(per_object):
    rng = np.random.default_rng(per_object)
    classes, masks = torch.from_numpy(rng.normal(size=(8, 4))), torch.from_numpy(rng.normal(size=(8, 10)))
    inside = torch.tensor([0, 0, 1, -1, 1, 0, -1, 1])
    truth = targets()
    found = match(classes, masks, inside, truth.labels, truth.masks().double(), per_object)
    cost = losses.mask_cost(masks, truth.masks().double()) - 0.5 * classes.softmax(1)[:, truth.labels]
    for row in range(2):
        mine = [q for q in range(8) if inside[q] == row]
        best = sorted(mine, key=lambda q: float(cost[q, row]))[:per_object]
        assert sorted(found.query[found.object == row].tolist()) == sorted(best)


def test_no_query_inside_any_object_is_no_match():
    truth = targets()
    found = match(
        torch.zeros(3, 4), torch.zeros(3, 10), torch.full((3,), -1), truth.labels, truth.masks().float()
    )
    assert len(found) == 0


def test_any_track_of_an_object_will_do():
    logits = torch.tensor([[2.0, 1.0, -1.0], [0.0, 5.0, 1.0]])
    one = torch.tensor([[False, True, False], [False, False, False]])
    torch.testing.assert_close(losses.share_loss(logits, one), -logits[0].log_softmax(0)[1])
    two = torch.tensor([[True, True, False], [False, False, True]])
    share = logits.softmax(dim=1)
    expected = -(share[0, :2].sum().log() + share[1, 2].log()) / 2
    torch.testing.assert_close(losses.share_loss(logits, two), expected)
    assert losses.share_loss(logits, torch.zeros(2, 3, dtype=torch.bool)) == 0


def test_the_confidence_of_known_pairs_counts_alike_and_of_others_not_at_all():
    logits = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, -2.0]], dtype=torch.float64)
    same = torch.tensor([[True, False, True], [False, True, False]])
    known = torch.tensor([[True, True, False], [False, False, True]])
    expected = -np.mean([np.log(expit(2.0)), np.log(1 - expit(-1.0)), np.log(1 - expit(-2.0))])
    assert float(losses.confidence_loss(logits, same, known)) == pytest.approx(expected)
    assert float(losses.confidence_loss(logits, same, known & False)) == 0


def test_frames_without_a_common_object_have_no_contrast_and_a_gradient_of_zero():
    now, before = torch.randn(2, 4, requires_grad=True), torch.randn(3, 4, requires_grad=True)
    loss = losses.contrast_loss(now, before, torch.tensor([1, 2]), torch.tensor([3, 4, 5]))
    loss.backward()
    assert float(loss.detach()) == 0
    assert float(now.grad.abs().sum()) == float(before.grad.abs().sum()) == 0
