"""Identity over time: what motmetrics counts of our overlaps, and HOTA against a slow implementation."""

import itertools
import sys

import motmetrics
import numpy as np
import pytest

from autoseg3d_core.evaluation.hota import ALPHAS, HotaCounts, hota_counts
from autoseg3d_core.evaluation.identity import IdentityScorer
from autoseg3d_core.evaluation.label_overlaps import FrameOverlaps
from autoseg3d_core.structures import InputError


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
    scorer = IdentityScorer(later=5)
    here, gone = (image(1, 2, 0), image(8, 9, 0)), (image(0, 2, 0), image(0, 9, 0))
    back = [(image(1, 2, 0), image(0, 9, 0)), (image(1, 2, 0), image(later, 9, 0))]  # seen, then tracked
    for truth, predicted in [here, here, *[gone] * away, *back, back[1]]:
        scorer.add(truth, predicted)
    scores = scorer.scores()
    assert (scores.returns, scores.recalled) == (returns, recalled)


def test_a_track_on_the_wall_counts_neither_way():
    assert identity([(image(1, 0, 0), image(8, 5, 5))] * 3).idf1 == 1.0


def reference_events(frames):
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
    rng, scorer, frames = np.random.default_rng(seed), IdentityScorer(min_pixels=0.0), []
    for _ in range(40):
        truth = rng.permutation(np.arange(1, 9)) * (rng.random(8) < 0.8)  # some out of view
        wrong = rng.random(8) < 0.3
        names = np.where(wrong, rng.integers(0, 12, 8), np.where(truth > 0, truth + 10, 0)) * (truth > 0)
        frames.append((image(*truth), image(*names)))
        scorer.add(*frames[-1])
    expected, scores = reference_events(frames), scorer.scores()
    assert scores.idf1 == pytest.approx(expected["idf1"])
    assert scores.id_switches == expected["num_switches"]
    assert scores.fragmentations == expected["num_fragmentations"]
    assert scores.recall == pytest.approx(expected["recall"])


def scored_by_both(frames):
    scorer = IdentityScorer(min_pixels=0.0)
    for truth, predicted in frames:
        scorer.add(truth, predicted)
    return scorer.scores(), reference_events(frames)


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


def test_walls_and_things_hardly_in_view_do_not_count():
    far = np.zeros((100, 100), np.int32)
    far[0, :9] = 3  # 9 of 10 000 pixels
    far[50:] = 4
    scores = identity([(far, (far == 4).astype(np.int32) * 7)] * 2)
    assert (scores.idf1, scores.recall) == (1.0, 1.0)


def test_what_is_right_later_is_counted_while_it_is_in_view():
    scorer = IdentityScorer(later=2)
    runs = [(1, 8), (1, 8), (1, 8), (1, 9), (0, 0), (1, 0)]
    for truth, predicted in runs:
        scorer.add(image(truth, 0), image(predicted, 0))
    scores = scorer.scores()
    # 0 to 2: the same; 1 to 3: another; 2 to 4: out of view; 3 to 5: in view and lost
    assert (scores.later, scores.still_right) == (3, 1)


def test_a_run_that_is_shorter_has_no_later():
    scores = identity([(image(1, 2), image(8, 9))] * 5)
    assert (scores.later, scores.still_right) == (0, 0)


def test_nothing_at_all_has_no_identity():
    for frames in ([], [(image(0), image(0))] * 2):
        scores = identity(frames)
        assert np.isnan([scores.idf1, scores.recall, scores.hota.hota]).all()
        assert (scores.id_switches, scores.fragmentations) == (0, 0)


def test_without_motmetrics_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "motmetrics", None)
    with pytest.raises(InputError, match="pip install motmetrics"):
        identity([(image(1), image(1))])


def slow_hota(frames):
    """HOTA from its definition: every pair of every frame, and every other frame with its object or track."""

    def similarity(frame, o, t):
        row, column = np.flatnonzero(frame.objects == o), np.flatnonzero(frame.tracks == t)
        return float(frame.iou[row[0], column[0]]) if len(row) and len(column) else 0.0

    objects = {o for frame in frames for o in frame.objects.tolist()}
    tracks = {t for frame in frames for t in frame.tracks.tolist()}
    alignment = {}
    for o, t in itertools.product(objects, tracks):
        shared = 0.0
        for frame in frames:
            own = similarity(frame, o, t)
            if own:
                row = sum(similarity(frame, o, other) for other in frame.tracks.tolist())
                column = sum(similarity(frame, other, t) for other in frame.objects.tolist())
                shared += own / (row + column - own)
        either = sum(o in frame.objects for frame in frames) + sum(t in frame.tracks for frame in frames)
        alignment[o, t] = shared / (either - shared)

    def best_pairs(frame):
        """Try every way to pair objects and tracks."""
        few, many = frame.objects.tolist(), frame.tracks.tolist()
        swapped = len(few) > len(many)
        few, many = (many, few) if swapped else (few, many)
        ways = (
            [(b, a) if swapped else (a, b) for a, b in zip(few, chosen, strict=True)]
            for chosen in itertools.permutations(many, len(few))
        )
        return max(ways, key=lambda way: sum(alignment[pair] * similarity(frame, *pair) for pair in way))

    matched, values = [best_pairs(frame) for frame in frames], []
    for alpha in ALPHAS:
        true = [
            {pair for pair in way if similarity(frame, *pair) >= alpha - 1e-9}
            for frame, way in zip(frames, matched, strict=True)
        ]
        total = association = 0.0
        for frame, pairs in zip(frames, true, strict=True):
            total += len(frame.objects) + len(frame.tracks) - len(pairs)
            for o, t in pairs:
                both = sum((o, t) in others for others in true)
                only_object = sum(o in other.objects for other in frames) - both
                only_track = sum(t in other.tracks for other in frames) - both
                association += both / (both + only_object + only_track)
        values.append(np.sqrt(association / total))
    return np.mean(values)


def random_frames(seed, length=7):
    """Tables of overlap like those of disjoint masks, objects and tracks coming and going."""
    rng = np.random.default_rng(seed)
    for _ in range(length):
        objects = np.flatnonzero(rng.random(5) < 0.7) + 1
        tracks = np.flatnonzero(rng.random(6) < 0.7) + 10
        shared = rng.random((len(objects), len(tracks))) ** 4
        shared += (objects[:, None] + 9 == tracks) * rng.random() * 2
        rest = [shared.sum(axis=axis, keepdims=True) * rng.uniform(1, 1.3) for axis in (1, 0)]
        yield FrameOverlaps(objects, tracks, shared / (rest[0] + rest[1] - shared))


@pytest.mark.parametrize("seed", range(6))
def test_hota_agrees_with_its_definition_taken_word_by_word(seed):
    frames = list(random_frames(seed))
    assert hota_counts(frames).hota == pytest.approx(slow_hota(frames), abs=1e-9)
    assert 0.1 < slow_hota(frames) < 0.9


def test_hota_of_known_runs():
    whole = [(image(1, 2), image(8, 9))] * 4
    assert identity(whole).hota.hota == pytest.approx(1)
    half = whole[:2] + [(image(1, 2), image(6, 7))] * 2  # every object is half one track, half another
    assert identity(half).hota.hota == pytest.approx(0.5**0.5)
    blind = [(image(1, 2), image(8, 0))] * 4
    assert identity(blind).hota.hota == pytest.approx(0.5**0.5)
    assert identity([(image(1, 2), image(0, 0))] * 4).hota.hota == 0


def test_counts_of_runs_add_up():
    first, second = (hota_counts(list(random_frames(seed))) for seed in (1, 2))
    both = first + second + HotaCounts.none()
    assert both.found.tolist() == (first.found + second.found).tolist()
    assert min(first.hota, second.hota) <= both.hota <= max(first.hota, second.hota)
