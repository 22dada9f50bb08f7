"""The published protocol, against a slow implementation that takes it word by word."""

import numpy as np
import pytest

from autoseg3d_core.evaluation.average_precision import JUDGED_AT, class_average_precision
from autoseg3d_core.evaluation.known_tracks import KnownTracks
from autoseg3d_core.evaluation.scene_labels import (
    OWN_M,
    PUBLISHED,
    WITHOUT_MAPPING,
    WITHOUT_SEGMENTS,
    labellings,
    vote_of_segments,
)
from autoseg3d_core.evaluation.scene_match import match_masks, match_scene
from autoseg3d_core.evaluation.scene_scores import SceneScorer, pooled
from autoseg3d_core.structures import LabelledCloud, SceneTruth


def cloud(xyz, ids):
    xyz, ids = np.array(xyz, np.float32).reshape(-1, 3), np.array(ids, np.int64)
    return LabelledCloud(xyz, np.zeros((len(ids), 3), np.uint8), ids, np.full(len(ids), -1))


def published(scenes, label, least=100):
    """AP, AP50, AP25 of one class: the benchmark's loops over overlaps, scenes, truths and predictions.

    A scene is (masks, scores, classes) by falling score, and the true ids and classes of the points; a true
    id of 0, and a class of -1, is void.
    """
    found = {}
    for overlap in [*np.arange(0.5, 0.95, 0.05), 0.25]:
        y_true, y_score, hard_misses, any_truth = [], [], 0, False
        for masks, scores, classes, ids, class_of in scenes:
            void = np.array([class_of.get(i, -1) < 0 for i in ids.tolist()])
            truths = [ids == i for i, c in class_of.items() if c == label]
            mine = [
                (m, s)
                for m, s, c in zip(masks, scores, classes, strict=True)
                if c == label and m.sum() >= least
            ]
            visited = [False] * len(mine)

            def overlap_of(mask, truth):
                shared = float(np.count_nonzero(mask & truth))
                return shared / (mask.sum() + truth.sum() - shared)

            for truth in truths:
                if truth.sum() < least:
                    continue
                any_truth, match = True, None
                for i, (mask, score) in enumerate(mine):
                    if visited[i] or not overlap_of(mask, truth) > overlap:
                        continue
                    if match is None:
                        match, visited[i] = score, True
                    else:  # the worse of the two is a false alarm
                        y_true.append(0)
                        y_score.append(min(match, score))
                        match = max(match, score)
                if match is None:
                    hard_misses += 1
                else:
                    y_true.append(1)
                    y_score.append(match)
            for mask, score in mine:
                if any(overlap_of(mask, truth) > overlap for truth in truths):
                    continue
                ignored = np.count_nonzero(mask & void)
                ignored += sum(np.count_nonzero(mask & t) for t in truths if t.sum() < least)
                if ignored / mask.sum() <= overlap:
                    y_true.append(0)
                    y_score.append(score)
        if not any_truth:
            found[round(overlap, 2)] = float("nan")
            continue
        order = np.argsort(y_score)
        y_true, y_score = np.array(y_true, int)[order], np.array(y_score, float)[order]
        precision, recall = [], []
        for threshold in np.unique(y_score):
            hits, shown = y_true[y_score >= threshold].sum(), (y_score >= threshold).sum()
            precision.append(hits / shown)
            recall.append(hits / (y_true.sum() + hard_misses))
        precision, recall = [*precision, 1.0], [*recall, 0.0]
        padded = [recall[0], *recall, 0.0]
        steps = [(padded[i] - padded[i + 2]) / 2 for i in range(len(recall))]
        found[round(overlap, 2)] = float(np.dot(precision, steps))
    strict = [value for at, value in found.items() if at >= 0.5]
    return [np.mean(strict), found[0.5], found[0.25]]


def compared(scenes, least=100):
    """Assert that every class of some scenes scores as published."""
    matches = [match_masks(m, s, ids, c, of, least) for m, s, c, ids, of in scenes]
    # void is what has a class of -1: the fast way gets it as the id 0
    ordered = []
    for masks, scores, classes, ids, class_of in scenes:
        by_score = np.argsort(-scores, kind="stable")
        ordered.append((masks[by_score], scores[by_score], classes[by_score], ids, class_of))
    fast = class_average_precision(matches)
    assert fast
    for label, result in fast.items():
        expected = published(ordered, label, least)
        assert [result.ap, result.ap50, result.ap25] == pytest.approx(expected, nan_ok=True, abs=1e-6)


def random_scene(rng, points=2500, masks=16, classes=2):
    """Runs of ids, some void, some tiny, and masks around them: overlapping, doubled, of equal scores."""
    cuts = np.sort(rng.choice(points, 11, replace=False))
    ids = np.searchsorted(cuts, np.arange(points), side="right") + 1
    ids[np.isin(ids, rng.choice(12, 2) + 1)] = 0
    drawn = np.zeros((masks, points), bool)
    for mask in drawn:
        at = cuts[rng.integers(len(cuts))] + rng.integers(-60, 60)
        mask[max(at, 0) : at + rng.integers(60, 600)] = True
    drawn[-1] = drawn[0]
    class_of = {int(i): int(i) % classes for i in np.unique(ids[ids > 0])}
    return drawn, rng.integers(1, 6, masks) / 5, rng.integers(0, classes, masks), ids, class_of


@pytest.mark.parametrize("seed", range(12))
def test_random_scenes_score_as_published(seed):
    rng = np.random.default_rng(seed)
    compared([random_scene(rng, classes=1 + seed % 3) for _ in range(1 + seed % 3)])


def case(runs, masks, least=100):
    """A scene of true runs (id, count), and masks as (start, stop, score)."""
    ids = np.concatenate([np.full(count, name) for name, count in runs])
    places = np.arange(len(ids))
    drawn = np.array([(places >= a) & (places < b) for a, b, _ in masks], bool)
    scores = np.array([score for _, _, score in masks], float)
    class_of = {int(i): 0 for i in np.unique(ids[ids > 0])}
    return drawn.reshape(len(masks), len(ids)), scores, np.zeros(len(masks), np.int64), ids, class_of


HARD = {
    "every threshold hit exactly": case(
        [(i + 1, 200) for i in range(11)],
        [(200 * i, 200 * i + round(200 * o), 1 - i / 20) for i, o in enumerate(JUDGED_AT)],
    ),
    "one point above every threshold": case(
        [(i + 1, 200) for i in range(11)],
        [(200 * i, 200 * i + round(200 * o) + 1, 1 - i / 20) for i, o in enumerate(JUDGED_AT[:-1])],
    ),
    "one prediction many times": case([(1, 300), (2, 300)], [(0, 300, s) for s in (0.9, 0.9, 0.5, 0.1)]),
    "a prediction that two truths want at 25 %": case(
        [(1, 300), (2, 300)], [(0, 600, 0.9), (10, 290, 0.8), (350, 600, 0.7)]
    ),
    "two for each of two, crossed": case(
        [(1, 300), (2, 280)], [(100, 400, 0.9), (0, 350, 0.9), (290, 580, 0.4), (300, 500, 0.4)]
    ),
    "all of one score": case([(1, 200), (0, 100), (2, 200)], [(0, 150, 1), (200, 320, 1), (310, 500, 1)]),
    "mostly on void, at the threshold": case([(1, 200), (0, 200)], [(100, 300, 0.9), (0, 200, 0.5)]),
    "mostly on what is too small": case([(1, 200), (2, 99), (0, 51)], [(150, 350, 0.9), (0, 200, 0.3)]),
    "no more than the least": case(
        [(1, 100), (2, 99), (3, 101)], [(0, 100, 1), (100, 199, 1), (199, 300, 1)]
    ),
    "nothing predicted": case([(1, 200)], []),
    "nothing but what is ignored": case([(1, 200), (0, 300)], [(200, 500, 0.7)]),
    "nothing true": case([(0, 300)], [(0, 300, 0.7)]),
}


@pytest.mark.parametrize("name", HARD)
def test_hard_cases_score_as_published(name):
    if name == "nothing but what is ignored":  # the benchmark itself ends in an error here
        masks, scores, classes, ids, class_of = HARD[name]
        [result] = class_average_precision([match_masks(masks, scores, ids, classes, class_of)]).values()
        assert (result.ap, result.ap25) == (0, 0)
        return
    compared([HARD[name]])
    compared([HARD[name], random_scene(np.random.default_rng(5), classes=1)])


@pytest.mark.parametrize("least", [1, 50, 301])
def test_the_least_size_may_be_another(least):
    compared([random_scene(np.random.default_rng(3), classes=1)], least)


def slow_vote(ids, segments):
    """Masks one by one, each averaged over each segment: more than half of it is all of it."""
    found = ids * (segments < 0)
    for name in np.unique(ids[ids > 0]):
        for segment in np.unique(segments[segments >= 0]):
            if (ids == name)[segments == segment].mean() > 0.5:
                found[segments == segment] = name
    return found


@pytest.mark.parametrize("seed", range(4))
def test_segments_vote_as_masks_one_by_one_would(seed):
    rng = np.random.default_rng(seed)
    ids, segments = rng.integers(0, 4, 400) * 7, rng.integers(-1, 60, 400) * 3 - (seed > 1)
    segments = np.where(rng.random(400) < 0.1, -1, segments).clip(-1)
    np.testing.assert_array_equal(vote_of_segments(ids, segments), slow_vote(ids, segments))


def test_half_a_segment_is_not_enough():
    assert vote_of_segments(np.array([5, 5, 0, 0, 5, 5, 0]), np.array([1, 1, 1, 1, 2, 2, 2])).tolist() == [
        *(0, 0, 0, 0),
        *(5, 5, 5),
    ]


def test_every_vertex_takes_the_nearest_id_and_then_that_of_its_segment():
    mesh = cloud([[0, 0, 0], [1, 0, 0], [1.4, 0, 0], [9, 0, 0]], [0] * 4)
    ours = cloud([[0.05, 0, 0], [0.95, 0, 0], [1.45, 0, 0]], [4, 5, 0])
    found = labellings(ours, mesh, np.array([0, 0, 0, 1]))
    assert found[WITHOUT_SEGMENTS].tolist() == [4, 5, 0, 0]
    assert labellings(ours[:2], mesh, None)[PUBLISHED].tolist() == [4, 5, 5, 5]
    assert labellings(ours[:2], mesh, np.array([0, 0, 0, 1]))[PUBLISHED].tolist() == [5, 5, 5, 5]
    assert labellings(ours[:2], mesh, None)[WITHOUT_MAPPING].tolist() == [4, 5, 0, 0]
    assert labellings(cloud([], []), mesh, None)[PUBLISHED].tolist() == [0] * 4


@pytest.mark.parametrize("seed", range(3))
def test_mapping_agrees_with_all_distances(seed):
    rng = np.random.default_rng(seed)
    ours = cloud(rng.random((300, 3)) * [2, 2, 0.01], rng.integers(0, 9, 300))
    mesh = cloud(rng.random((200, 3)) * [2.5, 2, 0.01], [0] * 200)
    far = np.linalg.norm(mesh.xyz[:, None].astype(float) - ours.xyz[None], axis=2)
    found = labellings(ours, mesh, None)
    np.testing.assert_array_equal(found[PUBLISHED], ours.ids[far.argmin(axis=1)])
    own = np.where(far.min(axis=1) <= OWN_M, ours.ids[far.argmin(axis=1)], 0)
    np.testing.assert_array_equal(found[WITHOUT_MAPPING], own)


def known(ids):
    ids = np.array(ids, np.int64)
    boxes, oriented = np.zeros((len(ids), 6), np.float32), np.zeros((len(ids), 10), np.float32)
    oriented[:, 9] = 1
    return KnownTracks(ids, boxes, oriented, np.ones(len(ids), np.float32), np.ones(len(ids), bool))


def result(true, predicted, classes, names=("chair", "table"), segments=None):
    """Points on a line; object 1 is the first class, 2 the second."""
    xyz = np.arange(len(true))[:, None] * [0.01, 0, 0]
    truth = SceneTruth(
        cloud(xyz, true), np.array([1, 2]), np.array([0, 1]), np.zeros((2, 6), np.float32), names, segments
    )
    return SceneScorer().result(truth, cloud(xyz, predicted), known([8, 9]), classes)


TRUE = np.repeat([1, 2], 200)


def test_classes_are_scored_by_their_names():
    right = result(TRUE, TRUE + 7, {8: "chair", 9: "table"})
    scores = pooled([right])
    assert {name: p.ap for name, p in scores.classes.items()} == {"chair": 1, "table": 1}
    swapped = pooled([result(TRUE, TRUE + 7, {8: "table", 9: "chair"})])
    assert (swapped.class_mean.ap, swapped.ap) == (0, 1)
    other_order = result(TRUE, TRUE + 7, {8: "table", 9: "chair"}, ("table", "chair"))
    assert pooled([right, other_order]).class_mean.ap == 1


def test_without_classes_in_common_only_the_class_agnostic_scores_are_there():
    for classes in ({}, {8: "object", 9: "object"}):
        scores = pooled([result(TRUE, TRUE + 7, classes)])
        assert scores.classes == {}
        assert np.isnan(scores.class_mean.ap)
        assert scores.ap == 1


def test_a_class_that_a_scene_lacks_costs_where_it_is_claimed():
    there = result(TRUE, TRUE + 7, {8: "chair", 9: "table"})
    absent = result(TRUE, TRUE + 7, {8: "chair", 9: "bed"}, ("chair", "sofa"))
    beds = result(TRUE, TRUE + 7, {8: "chair", 9: "bed"}, ("chair", "bed"))
    assert pooled([there, beds]).classes["bed"].ap == 1
    claimed = pooled([there, beds, absent])
    assert claimed.classes["bed"].ap < 1
    assert claimed.classes["sofa"].ap == 0


def test_the_vote_of_segments_lifts_the_published_score_alone():
    """A third of each object is nobody's: its segments give it back, where there are any."""
    predicted = np.where(np.arange(400) % 3 == 0, 0, TRUE + 7)
    with_segments = pooled([result(TRUE, predicted, {}, segments=np.arange(400) // 20)])
    without = pooled([result(TRUE, predicted, {})])
    assert with_segments.ap == 1
    assert with_segments.protocols[WITHOUT_SEGMENTS] == without.protocols[PUBLISHED]
    assert without.ap < 1


def test_the_scorer_takes_the_least_size():
    small = np.repeat([1, 2], [60, 200])
    truth = SceneTruth(
        cloud(np.arange(260)[:, None] * [0.01, 0, 0], small),
        np.array([1, 2]),
        np.array([0, 0]),
        np.zeros((2, 6), np.float32),
        ("thing",),
    )
    ours = cloud(truth.cloud.xyz, np.where(small == 2, 9, 0))
    for least, ap in ((100, 1.0), (50, 0.5)):
        assert pooled([SceneScorer(least).result(truth, ours, known([9]))]).ap50 == ap


def test_a_labelling_is_its_masks():
    true = np.repeat([0, 1, 2], 150)
    match = match_scene(true, true, {1: 0.5})
    assert match.intersection.tolist() == [[0, 150], [150, 0]]  # 2 first: its score is 1
