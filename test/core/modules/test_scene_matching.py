import dataclasses

import numpy as np
import torch
from slow_twins.queries import attend_with_bias, feedforward, layer_norm, linear, two
from slow_twins.samples import array, random_weights

from autoseg3d_core.geometry.boxes import box_iou_3d
from autoseg3d_core.modules.scene_matching import SceneMatching, Things, in_short_memory


def things(seed, count, channels=16, classes=3):
    generator = torch.Generator().manual_seed(seed)
    double = {"generator": generator, "dtype": torch.float64}
    low = 2 * torch.rand(count, 3, **double)
    boxes = torch.cat([low, low + 0.2 + torch.rand(count, 3, **double)], dim=1)
    return Things(
        torch.randn(count, channels, **double), boxes, torch.rand(count, classes, **double).softmax(dim=1)
    )


def slow_refine(module, seen, short):
    queries = array(seen.queries)
    near, alike = [], array(seen.classes) @ array(short.classes).T
    for layer in module.layers:
        scale = np.clip(linear(layer.scale.linear, queries), 0, 10)
        near = np.linalg.norm(array(seen.centers)[:, None] - array(short.centers)[None], axis=2)
        bias = -scale.T[:, :, None] * near + float(layer.class_strength) * np.log(alike.clip(1e-3))
        taken = attend_with_bias(layer.attention, queries, array(short.queries), bias)
        queries = feedforward(layer.feedforward, layer_norm(layer.norm, queries + taken))
    return queries


@torch.no_grad()
def test_instances_look_at_the_short_memory_less_at_what_is_far_or_of_another_class():
    module = random_weights(SceneMatching(16, heads=4), seed=1)
    seen, short = things(0, 5), things(1, 7)
    expected = slow_refine(module, seen, short)
    refined = module.refine(seen, short)
    np.testing.assert_allclose(array(refined), expected, rtol=1e-9, atol=1e-9)
    logits, overlap = array(module(refined, seen, short)), array(box_iou_3d(seen.boxes, short.boxes))
    for i in range(5):
        for j in range(7):
            pair = np.append(expected[i] * array(short.queries)[j], overlap[i, j])
            np.testing.assert_allclose(logits[i, j], two(module.same, pair)[0], rtol=1e-9, atol=1e-9)


@torch.no_grad()
def test_an_empty_short_memory_leaves_instances_as_they_are():
    module = random_weights(SceneMatching(16, heads=4), seed=1)
    seen, short = things(0, 5), things(1, 0)
    assert torch.equal(module.refine(seen, short), seen.queries)
    assert module(seen.queries, seen, short).shape == (5, 0)


@torch.no_grad()
def test_a_world_that_is_moved_matches_alike():
    module = random_weights(SceneMatching(16, heads=4), seed=1)
    seen, short = things(0, 5), things(1, 7)
    shift = torch.tensor([3.0, -7.0, 0.5] * 2, dtype=torch.float64)
    moved = [dataclasses.replace(t, boxes=t.boxes + shift) for t in (seen, short)]
    plain = module(module.refine(seen, short), seen, short)
    torch.testing.assert_close(module(module.refine(*moved), *moved), plain)


def test_the_short_memory_holds_what_was_found_last():
    misses = torch.tensor([0, 7, 3, 0, 9, 3])
    assert in_short_memory(misses, 3).tolist() == [
        True,
        False,
        False,
        True,
        False,
        True,
    ]  # row 5 is younger than 2
    assert in_short_memory(misses, 50).all()
    found_again = torch.where(torch.arange(6) == 4, 0, misses + 1)
    assert in_short_memory(found_again, 3).tolist() == [True, False, False, True, True, False]


def test_the_cost_of_matching_does_not_grow_with_the_long_memory():
    for tracks in (60, 6000):
        assert int(in_short_memory(torch.randint(0, 100, (tracks,)), 50).sum()) == 50
