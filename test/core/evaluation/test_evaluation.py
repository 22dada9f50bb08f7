import dataclasses

import numpy as np
import pytest

from autoseg3d_core.cli.score_table import score_tables
from autoseg3d_core.evaluation.identity import IdentityScorer
from autoseg3d_core.evaluation.known_tracks import KnownTracks
from autoseg3d_core.evaluation.scene_scores import SceneScorer, pooled
from autoseg3d_core.structures import FrameTruth, LabelledCloud, SceneTruth


def labels(*runs):
    """Return ids, each repeated: labels((1, 200), (2, 100))."""
    return np.concatenate([np.full(count, name) for name, count in runs])


def image(*columns):
    return np.tile(np.repeat(np.array(columns, np.int32), 10), (20, 1))


def identity(frames):
    scorer = IdentityScorer()
    for truth, predicted in frames:
        scorer.add(truth, predicted)
    return scorer.scores()


def test_steady_ids_score_one():
    scores = identity([(image(1, 2, 0), image(8, 9, 0))] * 5)
    assert (scores.idf1, scores.id_switches, scores.fragmentations, scores.recall) == (1.0, 0, 0, 1.0)


def test_a_changed_id_is_a_switch_and_halves_identity():
    scores = identity([(image(1, 0), image(8, 0))] * 5 + [(image(1, 0), image(9, 0))] * 5)
    assert scores.id_switches == 1
    assert scores.idf1 == pytest.approx(0.5)


def test_an_object_lost_and_found_with_its_id_is_a_fragmentation_only():
    scores = identity([(image(1, 0), image(8, 0)), (image(1, 0), image(0, 0)), (image(1, 0), image(8, 0))])
    assert (scores.id_switches, scores.fragmentations) == (0, 1)


@pytest.mark.parametrize(
    ("away", "later", "returns", "recalled"), [(4, 8, 0, 0), (5, 8, 1, 1), (9, 8, 1, 1), (9, 7, 1, 0)]
)
def test_an_object_that_was_away_returns_with_its_id_or_without(away, later, returns, recalled):
    scorer = IdentityScorer(absence=5)
    here, gone = (image(1, 2, 0), image(8, 9, 0)), (image(0, 2, 0), image(0, 9, 0))
    back = [(image(1, 2, 0), image(0, 9, 0)), (image(1, 2, 0), image(later, 9, 0))]  # seen, then tracked
    for truth, predicted in [here, here, *[gone] * away, *back, back[1]]:
        scorer.add(truth, predicted)
    scores = scorer.scores()
    assert (scores.returns, scores.recalled) == (returns, recalled)


def test_a_track_on_the_wall_counts_neither_way():
    assert identity([(image(1, 0, 0), image(8, 5, 5))] * 3).idf1 == 1.0


def reference_events(motmetrics, frames):
    """The same frames as motmetrics sees them: a pair at most half apart may match."""
    reference = motmetrics.MOTAccumulator(auto_id=True)
    for truth, predicted in frames:
        objects, tracks = (np.unique(ids[ids > 0]) for ids in (truth, predicted))
        iou = np.array(
            [
                [
                    ((truth == o) & (predicted == t)).sum() / ((truth == o) | (predicted == t)).sum()
                    for t in tracks
                ]
                for o in objects
            ]
        ).reshape(len(objects), len(tracks))
        reference.update(objects, tracks, np.where(iou > 0.5, 1 - iou, np.nan))
    names = ["idf1", "num_switches", "num_fragmentations", "recall"]
    return motmetrics.metrics.create().compute(reference, metrics=names).iloc[0]


@pytest.mark.parametrize("seed", range(4))
def test_identity_agrees_with_motmetrics_on_random_runs(seed):
    motmetrics = pytest.importorskip("motmetrics")
    rng, scorer, frames = np.random.default_rng(seed), IdentityScorer(min_pixels=0.0), []
    for _ in range(40):
        truth = rng.permutation(np.arange(1, 9)) * (rng.random(8) < 0.8)  # some out of view
        wrong = rng.random(8) < 0.3
        names = np.where(wrong, rng.integers(0, 12, 8), np.where(truth > 0, truth + 10, 0)) * (truth > 0)
        frames.append((image(*truth), image(*names)))
        scorer.add(*frames[-1])
    expected, scores = reference_events(motmetrics, frames), scorer.scores()
    assert scores.idf1 == pytest.approx(expected["idf1"])
    assert scores.id_switches == expected["num_switches"]
    assert scores.fragmentations == expected["num_fragmentations"]
    assert scores.recall == pytest.approx(expected["recall"])


def scored_by_both(frames):
    motmetrics = pytest.importorskip("motmetrics")
    scorer = IdentityScorer(min_pixels=0.0)
    for truth, predicted in frames:
        scorer.add(truth, predicted)
    return scorer.scores(), reference_events(motmetrics, frames)


def test_a_match_is_not_given_up_for_two_weaker_overlaps_that_match_nothing():
    """Object 1 and track 8 overlap by 0.51, but 1 with 9 and 2 with 8 add up to more."""
    pair = {(1, 8): 5100, (1, 9): 2400, (2, 8): 2500, (2, 0): 5300}
    cells = [np.tile([[o], [t]], count) for (o, t), count in pair.items()]
    truth, predicted = np.concatenate(cells, axis=1).astype(np.int32)[:, None]

    def iou(o, t):
        return ((truth == o) & (predicted == t)).sum() / ((truth == o) | (predicted == t)).sum()

    assert iou(1, 8) > 0.5 > iou(1, 9) > 0.3 > iou(2, 8)
    assert iou(1, 9) + iou(2, 8) > 0.5
    scores, expected = scored_by_both([(truth, predicted)] * 3)
    assert scores.recall == expected["recall"] == 0.5
    assert scores.idf1 == pytest.approx(expected["idf1"])


@pytest.mark.parametrize("seed", range(20))
def test_identity_agrees_with_motmetrics_where_masks_overlap_by_about_half(seed):
    """Images made from tables of shared pixels, in which two weak overlaps add up to more than a match."""
    rng, frames = np.random.default_rng(seed), []
    for _ in range(12):
        shared = np.kron(np.eye(3, dtype=int), [[51, 24], [25, 0]]) + rng.integers(0, 2, (6, 6))
        shared[[0, 2, 4], [0, 2, 4]] += rng.integers(-6, 12, 3)
        objects, tracks = (1 + np.repeat(i.ravel(), shared.ravel()) for i in np.indices((6, 6)))
        named = np.append(rng.permutation(np.arange(1, 4)), [4, 5, 6])[tracks - 1]
        frames.append((objects.astype(np.int32)[None], named.astype(np.int32)[None]))
    scores, expected = scored_by_both(frames)
    assert 0 < scores.recall < 1
    assert scores.idf1 == pytest.approx(expected["idf1"])
    assert scores.id_switches == expected["num_switches"]
    assert scores.fragmentations == expected["num_fragmentations"]
    assert scores.recall == pytest.approx(expected["recall"])


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


def test_scenes_are_pooled_and_their_spread_is_that_of_ap():
    truth = scene(labels((1, 200), (2, 200), (0, 100)))
    right = result(truth, truth.cloud.ids, known(1, 2), image(1, 2))
    wrong = result(truth, labels((0, 400), (9, 100)), known(8, 9), image(0, 0))
    scores = pooled([right, wrong])
    assert (scores.ap50, scores.spread, scores.idf1) == (0.5, 0.5, 0.5)
    assert (scores.tracks, scores.ghosts, scores.on_structure, scores.objects) == (4, 1, 1, 4)


def test_nothing_seen_is_scored_without_a_warning():
    truth = scene(labels((0, 100)))
    scores = pooled([SceneScorer().result(truth, truth.cloud, known())])
    assert all(np.isnan(value) for value in (scores.ap, scores.idf1, scores.boundary_f, scores.ghost_share))
    assert score_tables({"nothing": scores})
