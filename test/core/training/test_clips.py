import shutil

import numpy as np
import pytest
import torch
from mask_maker_of import MaskMakerOf

from autoseg3d_core.cli.__main__ import main
from autoseg3d_core.datasets.clips import DIRECTIONS, PreparedScene, outermost, prepared_scenes
from autoseg3d_core.lifting import LiftingConfig
from autoseg3d_core.structures import InputError
from autoseg3d_core.training.broken_masks import Breakage, broken_masks, wholeness_of
from autoseg3d_core.training.prepare import prepare_images, prepare_masks
from autoseg3d_core.training.samples import BROKEN, Augmentation, ClipSamples, clip_samples
from autoseg3d_core.training.targets import fragment_objects

LIFTING = LiftingConfig(points=1500)


def samples(folder, masks=("parts",), frames=4, augmentation=None, seed=0):
    return ClipSamples(prepared_scenes(folder), frames, masks, LIFTING, 4, (1, 1), augmentation, seed)


def test_a_turned_cube_has_the_box_of_its_outermost_points():
    rng = np.random.default_rng(0)
    cloud = rng.uniform(-1, 1, (20_000, 3)).astype(np.float32) * (1, 2, 0.5) + (4, 0, 1)
    ids = np.repeat([3, 5], 10_000)
    kept = outermost(cloud.astype(np.float32), ids, np.array([3, 5]), np.array([0, 0, 1], np.float32))
    assert kept.shape == (2, DIRECTIONS + 2, 3)
    for angle in np.linspace(0, 2, 7):
        turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
        for row, name in enumerate((3, 5)):
            whole, few = cloud[ids == name] @ turn.T, kept[row] @ turn.T
            np.testing.assert_allclose(few.min(0), whole.min(0), atol=0.03)
            np.testing.assert_allclose(few.max(0), whole.max(0), atol=0.03)


def test_a_frame_knows_its_objects_and_their_whole_boxes(prepared):
    for sample in samples(prepared)[0]:
        assert sample.targets.ids.tolist() == [4, 9]
        assert sample.targets.labels.tolist() == [1, 0]
        for mask, box in zip(sample.targets.masks(), sample.targets.boxes, strict=True):
            xyz = sample.cloud.xyz[mask]
            assert ((xyz >= box[:3] - 0.05) & (xyz <= box[3:] + 0.05)).all()
            assert (box[3:] - box[:3])[1:].tolist() == pytest.approx([0.5, 0.5], abs=0.05)


def test_every_point_has_a_fragment_and_every_fragment_a_point(prepared):
    for name in ("parts", BROKEN):
        for sample in samples(prepared, (name,))[3]:
            fragments = len(sample.cloud.fragment_score)
            assert sample.cloud.fragment.unique().tolist() == list(range(fragments))


def test_masks_of_parts_lie_in_their_objects(prepared):
    sample = samples(prepared)[0][0]
    shares = sample.targets.shares(sample.cloud.fragment, len(sample.cloud.fragment_score))
    assert sorted(fragment_objects(shares).tolist()) == [-1, -1, -1, -1, 0, 0, 1, 1]


def test_the_same_number_gives_the_same_clip_and_another_seed_another(prepared):
    first, second = (samples(prepared, augmentation=Augmentation())[5] for _ in range(2))
    other = samples(prepared, augmentation=Augmentation(), seed=1)[5]
    assert all(torch.equal(a.cloud.xyz, b.cloud.xyz) for a, b in zip(first, second, strict=True))
    assert not torch.equal(first[0].cloud.xyz, other[0].cloud.xyz)


def test_moving_a_clip_moves_points_and_boxes_alike(prepared):
    scene = prepared_scenes(prepared)[0]
    clip = scene.clip([0, 1], "parts")
    move = np.eye(4)
    move[:3, :3] = 1.2 * np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]])
    move[:3, 3] = (1, 2, 3)
    still, moved = (
        clip_samples(clip, LIFTING, 4, matrix, None, np.random.default_rng(0))[1]
        for matrix in (np.eye(4), move)
    )
    expected = still.cloud.xyz.double() @ torch.from_numpy(move[:3, :3]).T + torch.tensor([1, 2, 3.0])
    torch.testing.assert_close(moved.cloud.xyz.double(), expected, rtol=1e-5, atol=1e-5)
    size, turned = (b[:, 3:] - b[:, :3] for b in (still.targets.boxes, moved.targets.boxes))
    torch.testing.assert_close(turned, 1.2 * size[:, [1, 0, 2]], rtol=1e-4, atol=1e-4)


def test_frames_of_a_clip_share_one_scene_frame(prepared):
    clip = samples(prepared)[0]
    places = [s.cloud.xyz[s.targets.masks()[0]].mean(dim=0) for s in clip]
    assert max(float((p - places[0]).norm()) for p in places) < 0.1


INSTANCE = np.zeros((60, 80), np.int32)
INSTANCE[5:30, 5:40], INSTANCE[30:55, 40:70] = 3, 8
PART = np.where(INSTANCE > 0, INSTANCE * 2 + (np.arange(80) % 40 > 20), 0).astype(np.int32)


@pytest.mark.parametrize("seed", range(8))
def test_broken_masks_come_from_the_parts_and_the_same_seed_breaks_alike(seed):
    errors = Breakage.drawn(np.random.default_rng(seed))
    first, second = (broken_masks(PART, INSTANCE, np.random.default_rng(seed), errors) for _ in range(2))
    assert np.array_equal(first, second)
    assert (first > 0).sum() <= 1.3 * (PART > 0).sum()
    assert len(np.unique(first)) <= 12


@pytest.mark.parametrize(("whole", "expected"), [(0.0, PART), (1.0, INSTANCE)])
def test_masks_that_nothing_breaks_are_the_parts_or_the_objects(whole, expected):
    masks = broken_masks(PART, INSTANCE, np.random.default_rng(0), Breakage(0, whole, 0, 0, 0))
    pairs = np.unique(np.stack([masks.ravel(), expected.ravel()]), axis=1)
    assert len(pairs.T) == len(np.unique(expected)) == len(np.unique(masks))


def test_a_whole_object_is_whole_and_a_half_is_half():
    np.testing.assert_allclose(wholeness_of(INSTANCE, INSTANCE)[[2, 7]], 1)
    cut = np.where(INSTANCE == 8, 1 + (np.arange(80) >= 55), 0)
    np.testing.assert_allclose(wholeness_of(cut, INSTANCE), 0.5)
    assert wholeness_of(np.ones((60, 80), np.int32), np.zeros((60, 80), np.int32)).tolist() == [0]


def test_masks_of_the_truth_need_not_be_prepared_and_say_at_times_how_whole_they_are(prepared):
    clips = [samples(prepared, ("truth-objects",), 1, seed=seed)[0][0] for seed in range(12)]
    told = [sample.cloud.wholeness for sample in clips]
    assert 0 < sum(t is not None for t in told) < 12
    for sample in clips:
        shares = sample.targets.shares(sample.cloud.fragment, len(sample.cloud.fragment_score))
        assert ((shares > 0.99).sum(dim=1) == 1).all(), "an object is one fragment"


def test_labels_are_those_of_the_names_to_learn(prepared):
    objects = prepared_scenes(prepared)[0].objects
    names = objects.label_names
    turned = objects.relabelled(("something", *names[::-1]))
    assert turned.labels.tolist() == [len(names) - label for label in objects.labels.tolist()]
    assert objects.relabelled(("something",)).labels.tolist() == [-1] * len(objects.ids)


def test_what_is_prepared_is_not_prepared_again(prepared, tmp_path):
    def refuse():
        raise AssertionError("opened again")

    images = prepare_images(refuse, prepared / "a")
    assert prepare_masks(images, MaskMakerOf(None), "parts") == prepared / "a" / "masks" / "parts"


def test_a_scene_without_truth_is_refused(prepared, tmp_path):
    bare = tmp_path / "bare"
    shutil.copytree(prepared / "a", bare)
    shutil.rmtree(bare / "truth")
    with pytest.raises(InputError, match="autoseg3d prepare"):
        PreparedScene(bare).clip([0], None)
    assert main(["prepare", str(bare), "--out", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "out" / "bare").exists()


def test_masks_that_are_not_there_are_named(prepared):
    with pytest.raises(InputError, match="no other masks"):
        prepared_scenes(prepared)[0].labels(0, "other")


def test_every_scene_has_perfect_masks_of_its_parts_and_objects(prepared):
    scene = prepared_scenes(prepared)[0]
    assert scene.masks == ("parts", "truth-parts", "truth-objects")
    truth = scene.truth(2)
    assert (scene.labels(2, "truth-parts") == truth.part).all()
    assert (scene.labels(2, "truth-objects") == truth.instance).all()
    masks = scene.clip([2], "truth-objects").frames[0].masks
    assert np.unique(masks).tolist() == [0, 1, 2]  # numbered without gaps: the ids are 4 and 9
    assert ((masks == 1) == (truth.instance == 4)).all()


@pytest.mark.parametrize("made", [False, True])
def test_a_folder_without_scenes_says_how_to_make_some(tmp_path, made):
    folder = tmp_path / "none"
    if made:
        folder.mkdir()
    with pytest.raises(InputError, match="autoseg3d prepare"):
        prepared_scenes(folder)
