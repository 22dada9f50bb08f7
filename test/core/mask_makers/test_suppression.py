import pytest
import torch

from autoseg3d_core.mask_makers.suppression import greedy, suppressed

CLASSES, COEFFICIENTS = 2, 5


def anchors(seed, count=400, objects=25):
    """Boxes scattered about a few objects, with scores and coefficients."""
    generator = torch.Generator().manual_seed(seed)
    owner = torch.randint(objects, (count,), generator=generator)
    boxes = (torch.rand(objects, 4, generator=generator) * 200 + 30)[owner]
    boxes = boxes + 6 * torch.randn(count, 4, generator=generator)
    boxes[:, 2:] = boxes[:, 2:].clamp(min=4)
    scores = torch.rand(count, CLASSES, generator=generator)
    return torch.cat([boxes, scores, torch.randn(count, COEFFICIENTS, generator=generator)], dim=1).T


@pytest.mark.parametrize("iou", [0.3, 0.7, 0.9])
@pytest.mark.parametrize("most", [10, 300])
@pytest.mark.parametrize("seed", range(4))
def test_it_finds_what_ultralytics_finds(iou, most, seed):
    pytest.importorskip("ultralytics", reason="the comparison needs ultralytics: pip install ultralytics")
    from autoseg3d_core.mask_makers.fastsam_network import ultralytics_module

    rows = anchors(seed)
    theirs = ultralytics_module("utils.nms").non_max_suppression(
        rows[None].clone(), 0.25, iou, agnostic=True, max_det=most, nc=CLASSES
    )[0]
    ours = suppressed(rows, CLASSES, 0.25, iou, most)
    assert len(ours) > 5
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("seed", range(6))
def test_all_at_once_leaves_what_one_after_the_other_leaves(seed):
    close = torch.rand(60, 60, generator=torch.Generator().manual_seed(seed)) > 0.9
    left = torch.ones(60, dtype=torch.bool)
    for box in range(60):
        if left[box]:
            left[box + 1 :] &= ~close[box, box + 1 :]
    assert torch.equal(greedy(close), left)


def test_a_long_chain_settles():
    chain = torch.ones(50, 50, dtype=torch.bool).triu(1).tril(1)  # each too close to the next only
    assert greedy(chain).tolist() == [True, False] * 25


def test_nothing_sure_enough_gives_nothing():
    assert suppressed(anchors(0), CLASSES, 1.0, 0.7, 10).shape == (0, 6 + COEFFICIENTS)
    assert suppressed(anchors(0)[:, :0], CLASSES, 0.1, 0.7, 10).shape == (0, 6 + COEFFICIENTS)
