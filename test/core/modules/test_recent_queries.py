import numpy as np
import pytest
import torch
from slow_twins.samples import array, random_weights

from autoseg3d_core.modules.recent_queries import Recent, RecentQueries, SharedScale, distances


def linear(layer, x):
    return x @ array(layer.weight).T + array(layer.bias)


def fragments(seed, count=6, channels=16):
    generator = torch.Generator().manual_seed(seed)
    double = {"generator": generator, "dtype": torch.float64}
    return torch.randn(count, channels, **double), 3 * torch.rand(count, 3, **double)


def scales(part, features, heads):
    if part is None:
        return np.zeros((len(features), heads))
    if isinstance(part, SharedScale):
        return np.full((len(features), heads), np.clip(float(part.value), 0, 10))
    return np.clip(linear(part.linear, features), 0, 10)


def slow_attention(module, features, centers, recent):
    """A fragment and a head at a time: softmax of product less scaled distance, then values."""
    layer, rows = module.attention, []
    scale = scales(module.scale, features, layer.heads)
    q, k, v = linear(layer.query, features), linear(layer.key, recent[0]), linear(layer.value, recent[0])
    width = q.shape[1] // layer.heads
    for i in range(len(features)):
        heads = []
        for h in range(layer.heads):
            part = slice(h * width, (h + 1) * width)
            logits = np.array([q[i, part] @ k[j, part] / np.sqrt(width) for j in range(len(k))])
            away = np.array([np.linalg.norm(centers[i] - c) for c in recent[1]])
            e = np.exp(logits - scale[i, h] * away)
            heads.append(e / e.sum() @ v[:, part])
        rows.append(np.concatenate(heads))
    return features + linear(layer.out, np.array(rows))


@torch.no_grad()
@pytest.mark.parametrize("scale", ["query", "shared", "none"])
def test_a_fragment_takes_from_the_frame_before_less_what_is_far(scale):
    module = random_weights(RecentQueries(16, heads=4, scale=scale), seed=2)
    (features, centers), before = fragments(0), fragments(1, count=4)
    expected = slow_attention(module, *map(array, (features, centers)), [array(b) for b in before])
    np.testing.assert_allclose(module(features, centers, Recent(*before)), expected, rtol=1e-9, atol=1e-9)


@torch.no_grad()
@pytest.mark.parametrize("recent", [None, Recent(torch.zeros(0, 16), torch.zeros(0, 3))])
def test_without_a_frame_before_nothing_changes(recent):
    features, centers = (t.float() for t in fragments(0))
    assert torch.equal(RecentQueries(16)(features, centers, recent), features)


@torch.no_grad()
def test_new_parts_change_nothing_until_they_have_learned():
    features, centers = (t.float() for t in fragments(0))
    before = Recent(*(t.float() for t in fragments(1)))
    assert torch.equal(RecentQueries(16)(features, centers, before), features)


@torch.no_grad()
def test_moving_and_turning_the_scene_changes_nothing():
    module = random_weights(RecentQueries(16, heads=4), seed=2)
    (features, centers), (old, old_centers) = fragments(0), fragments(1)
    turn = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64))[0]
    shift = torch.tensor([3.0, -200.0, 1.0], dtype=torch.float64)
    here = module(features, centers, Recent(old, old_centers))
    there = module(features, centers @ turn.T + shift, Recent(old, old_centers @ turn.T + shift))
    torch.testing.assert_close(here, there, rtol=1e-7, atol=1e-7)


def test_the_order_of_the_fragments_before_does_not_matter():
    module = random_weights(RecentQueries(16, heads=4), seed=2)
    (features, centers), (old, old_centers) = fragments(0), fragments(1)
    order = torch.randperm(len(old))
    torch.testing.assert_close(
        module(features, centers, Recent(old, old_centers)),
        module(features, centers, Recent(old[order], old_centers[order])),
    )


def test_the_distance_of_a_point_to_itself_has_a_gradient():
    points = torch.rand(3, 3, requires_grad=True)
    distances(points, points).sum().backward()
    assert torch.isfinite(points.grad).all()
