import dataclasses

import numpy as np
import pytest

from autoseg3d_core.cli.score_table import score_tables
from autoseg3d_core.evaluation.known_tracks import KnownTracks
from autoseg3d_core.evaluation.scene_scores import SceneScorer, pooled
from autoseg3d_core.structures import FrameTruth, LabelledCloud, SceneTruth


def labels(*runs):
    """Return ids, each repeated: labels((1, 200), (2, 100))."""
    return np.concatenate([np.full(count, name) for name, count in runs])


def image(*columns):
    return np.tile(np.repeat(np.array(columns, np.int32), 10), (20, 1))


def scene(ids, seed=0):
    rng = np.random.default_rng(seed)
    cloud = LabelledCloud(
        rng.random((len(ids), 3)).astype(np.float32), np.zeros((len(ids), 3), np.uint8), ids, ids * 0
    )
    objects = np.unique(ids[ids > 0])
    return SceneTruth(cloud, objects, objects * 0, np.zeros((len(objects), 6), np.float32), ("thing",))


def known(*ids):
    ids = np.array(ids, np.int64)
    boxes = np.tile(np.array([0, 0, 0, 1, 1, 1], np.float32), (len(ids), 1))
    oriented = np.tile(np.array([0.5, 0.5, 0.5, 1, 1, 1, 0, 0, 0, 1], np.float32), (len(ids), 1))
    return KnownTracks(ids, boxes, oriented, np.ones(len(ids), np.float32), np.ones(len(ids), bool))


def result(truth, found, tracks, labels):
    scorer = SceneScorer()
    scorer.add(FrameTruth(image(1, 2), image(1, 2), np.eye(4)), labels)
    return scorer.result(truth, dataclasses.replace(truth.cloud, ids=found), tracks)


def test_a_run_that_is_right_in_everything_has_perfect_scores():
    truth = scene(labels((1, 200), (2, 200), (0, 100)))
    scores = pooled([result(truth, truth.cloud.ids + 3 * (truth.cloud.ids > 0), known(4, 5), image(4, 5))])
    assert (scores.ap, scores.idf1, scores.boundary_f, scores.objects) == (1.0, 1.0, 1.0, 2)
    assert (scores.tracks, scores.ghosts, scores.duplicates, scores.on_structure) == (2, 0, 0, 0)
    assert (scores.ghost_share, scores.long_boxes, scores.spread) == (0.0, 0.0, 0.0)
    assert scores.box_iou > 0.9
    assert (scores.missed, scores.hota) == (0, pytest.approx(1))
    assert np.isnan(scores.still_right)  # nothing was a hundred frames later


def test_scenes_are_pooled_and_their_spread_is_that_of_ap():
    truth = scene(labels((1, 200), (2, 200), (0, 100)))
    right = result(truth, truth.cloud.ids, known(1, 2), image(1, 2))
    wrong = result(truth, labels((0, 400), (9, 100)), known(8, 9), image(0, 0))
    scores = pooled([right, wrong])
    assert (scores.ap50, scores.spread, scores.idf1) == (0.5, 0.5, 0.5)
    assert (scores.tracks, scores.ghosts, scores.on_structure, scores.objects) == (4, 1, 1, 4)
    assert scores.missed == 2


def test_nothing_seen_is_scored_without_a_warning():
    truth = scene(labels((0, 100)))
    scores = pooled([SceneScorer().result(truth, truth.cloud, known())])
    assert all(np.isnan(value) for value in (scores.ap, scores.idf1, scores.boundary_f, scores.ghost_share))
    assert score_tables({"nothing": scores})
