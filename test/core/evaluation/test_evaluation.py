import numpy as np
import pytest

from autoseg3d_core.evaluation.average_precision import OVERLAPS, average_precision, match_scene
from autoseg3d_core.evaluation.identity import IdentityScorer
from autoseg3d_core.evaluation.runner import Evaluation
from autoseg3d_core.evaluation.scene_labels import ids_on_truth
from autoseg3d_core.structures import FrameTruth, LabelledCloud, SceneTruth


def labels(*runs):
    """Return ids, each repeated: labels((1, 200), (2, 100))."""
    return np.concatenate([np.full(count, name) for name, count in runs])


def precision(predicted, true, scores=None):
    return average_precision([match_scene(predicted, true, scores or {})])


def test_the_overlaps_are_nine_and_end_at_ninety_percent():
    assert OVERLAPS.tolist() == [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9]


def test_a_perfect_labelling_scores_one():
    ids = labels((0, 50), (1, 200), (2, 300))
    result = precision(ids * 7, ids)
    assert (result.ap, result.ap50, result.ap25) == (1.0, 1.0, 1.0)


def test_nothing_found_scores_zero_and_nothing_to_find_is_not_a_number():
    ids = labels((1, 200))
    assert precision(ids * 0, ids).ap == 0.0
    assert np.isnan(precision(ids, ids * 0).ap)
    assert np.isnan(precision(labels((1, 99)), labels((1, 99))).ap)


def test_an_overlap_of_exactly_the_threshold_is_not_enough():
    true, predicted = labels((1, 200)), labels((5, 100), (0, 100))
    assert precision(predicted, true).ap50 == 0.0
    assert precision(labels((5, 101), (0, 99)), true).ap50 == 1.0


def test_one_of_two_objects_found_scores_half():
    true = labels((1, 200), (2, 200))
    assert precision(labels((9, 200), (0, 200)), true).ap50 == pytest.approx(0.5)


def test_a_false_alarm_costs_only_when_it_ranks_above_a_hit():
    true = labels((1, 200), (2, 200), (3, 200))
    predicted = labels((1, 200), (8, 100), (9, 100), (3, 200))  # object 2 is split in halves
    low = precision(predicted, true, {1: 0.9, 3: 0.8, 8: 0.1, 9: 0.1}).ap50
    high = precision(predicted, true, {1: 0.5, 3: 0.4, 8: 0.9, 9: 0.9}).ap50
    assert low == pytest.approx(2 / 3)
    assert high < low


def test_a_prediction_on_nothing_true_is_not_held_against_it():
    true = labels((1, 200), (0, 400))
    on_wall = labels((1, 200), (7, 400))
    assert precision(on_wall, true, {1: 0.5, 7: 0.9}).ap50 == 1.0


def test_the_points_of_the_truth_take_the_nearest_id():
    def cloud(xyz, ids):
        none = np.full(len(ids), -1)
        return LabelledCloud(
            np.array(xyz, np.float32), np.zeros((len(ids), 3), np.uint8), np.array(ids), none
        )

    truth = cloud([[0, 0, 0], [1, 0, 0], [9, 0, 0]], [0, 0, 0])
    predicted = cloud([[0.1, 0, 0], [0.9, 0, 0]], [4, 5])
    assert ids_on_truth(predicted, truth).tolist() == [4, 5, 5]
    assert ids_on_truth(predicted, truth, max_distance_m=0.5).tolist() == [4, 5, 0]
    assert ids_on_truth(cloud(np.zeros((0, 3)), []), truth).tolist() == [0, 0, 0]


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


def test_a_track_on_the_wall_counts_neither_way():
    assert identity([(image(1, 0, 0), image(8, 5, 5))] * 3).idf1 == 1.0


def test_identity_agrees_with_motmetrics_on_random_runs():
    motmetrics = pytest.importorskip("motmetrics")
    rng = np.random.default_rng(0)
    for _ in range(4):
        reference, scorer = motmetrics.MOTAccumulator(auto_id=True), IdentityScorer(min_pixels=0.0)
        for _ in range(25):
            truth = image(*rng.permutation(np.arange(1, 7)))
            wrong = rng.random(truth.shape[1] // 10) < 0.25
            names = np.where(wrong, rng.integers(1, 9, len(wrong)), truth[0, ::10])
            predicted = image(*(names + 10))
            scorer.add(truth, predicted)
            objects, tracks = np.unique(truth), np.unique(predicted)
            distance = np.full((len(objects), len(tracks)), np.nan)
            for i, name in enumerate(objects):
                for j, track in enumerate(tracks):
                    a, b = truth == name, predicted == track
                    iou = (a & b).sum() / (a | b).sum()
                    distance[i, j] = 1 - iou if iou > 0.5 else np.nan
            reference.update(objects, tracks, distance)
        expected = motmetrics.metrics.create().compute(reference, metrics=["idf1", "num_detections"])
        assert scorer.scores().idf1 == pytest.approx(expected["idf1"].item())


def test_an_evaluation_puts_both_together():
    rng = np.random.default_rng(0)
    ids = labels((1, 200), (2, 200), (0, 100))
    cloud = LabelledCloud(rng.random((500, 3)).astype(np.float32), np.zeros((500, 3), np.uint8), ids, ids * 0)
    truth = SceneTruth(cloud, np.array([1, 2]), np.array([0, 0]), np.zeros((2, 6), np.float32), ("thing",))
    evaluation = Evaluation()
    evaluation.add(FrameTruth(image(1, 2), image(1, 2), np.eye(4)), image(4, 5))
    scores = evaluation.scores(truth, cloud, {})
    assert (scores.ap, scores.idf1, scores.objects) == (1.0, 1.0, 2)
