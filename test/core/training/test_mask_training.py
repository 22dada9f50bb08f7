import numpy as np
import pytest
import torch

from autoseg3d_core.training.mask_augmentation import FIRST_OCCLUDER, augmented
from autoseg3d_core.training.mask_data import MaskBatches, collated, part_targets


def picture(seed=0, height=60, width=80):
    rng = np.random.default_rng(seed)
    labels = np.zeros((height, width), np.int32)
    labels[10:40, 5:35], labels[20:50, 40:75], labels[0:4, 0:4] = 7, 900, 3
    rgb = (labels[..., None] % 200 + rng.integers(0, 50, (height, width, 3))).astype(np.uint8)
    return rgb, labels


def test_targets_are_the_boxes_of_the_parts_that_are_large_enough():
    boxes, masks = part_targets(picture()[1])
    assert boxes.tolist() == pytest.approx(
        np.array([[20 / 80, 25 / 60, 30 / 80, 30 / 60], [57.5 / 80, 35 / 60, 35 / 80, 30 / 60]])
    )
    assert masks.shape == (15, 20)
    assert set(np.unique(masks)) == {0, 1, 2}
    assert masks[6, 4] == 1
    assert masks[8, 14] == 2


def test_a_picture_without_parts_has_no_targets():
    boxes, masks = part_targets(np.zeros((32, 32), np.int32))
    assert boxes.shape == (0, 4)
    assert (masks == 0).all()


def test_a_batch_says_which_box_belongs_to_which_picture():
    empty = (picture()[0], np.zeros((60, 80), np.int32))
    batch = collated([picture(), empty, picture(1)])
    assert batch["img"].shape == (3, 3, 60, 80)
    assert 0 <= batch["img"].min() <= batch["img"].max() <= 1
    assert batch["batch_idx"].tolist() == [0, 0, 2, 2]
    assert len(batch["bboxes"]) == len(batch["cls"]) == 4


@pytest.mark.parametrize("seed", range(12))
def test_augmentation_keeps_sizes_and_invents_no_parts_but_occluders_and_sheets(seed):
    rgb, labels = picture()
    foreign = np.full((30, 30, 3), 77, np.uint8)
    out, ids = augmented(rgb, labels, (32, 64), np.random.default_rng(seed), lambda: foreign)
    assert out.shape == (32, 64, 3)
    assert out.dtype == np.uint8
    assert ids.shape == (32, 64)
    assert set(np.unique(ids[ids < FIRST_OCCLUDER])) <= {0, 3, 7, 900}


def test_the_same_seed_augments_alike():
    rgb, labels = picture()
    first, second = (
        augmented(rgb, labels, (32, 32), np.random.default_rng(5), lambda: rgb) for _ in range(2)
    )
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])


def batch():
    return collated([picture(s, 64, 64) for s in range(2)])


def test_the_loss_falls_on_a_batch_that_is_seen_again_and_again(tmp_path):
    pytest.importorskip("ultralytics", reason="training needs ultralytics: pip install ultralytics")
    from autoseg3d_core.training.loop import Loop, LoopConfig
    from autoseg3d_core.training.masks import MasksTrainingConfig, MaskTrainee

    torch.manual_seed(0)
    config = MasksTrainingConfig(height=64, width=64, batch=2, half=False)
    trainee = MaskTrainee(config, torch.device("cpu"), "autoseg3d train")
    loop = Loop(trainee, LoopConfig(warmup=0), tmp_path, torch.device("cpu"))
    sums = [sum(v for n, v in loop.train([batch()]).items() if n != "norm") for _ in range(12)]
    assert np.mean(sums[-3:]) < 0.8 * np.mean(sums[:3])
    stored = trainee.checkpoint(loop.averaged, 12)
    assert stored.config == {"architecture": config.architecture, "classes": 1, "size": [64, 64]}
    assert '"step": 12' in stored.source


def test_batches_depend_on_their_number_only(tmp_path):
    pytest.importorskip("mujoco", reason="rendering needs MuJoCo")
    from autoseg3d_core.training.mask_frames import render_frames

    files = render_frames(tmp_path, [0], per_scene=2, width=64)
    assert len(files) == 2
    assert render_frames(tmp_path, [0], per_scene=2, width=64) == files
    first, second = (MaskBatches(files, (64, 64), 2, seed=1) for _ in range(2))
    first(3)
    assert torch.equal(first(4)["img"], second(4)["img"])
    assert not torch.equal(first(4)["img"], first(5)["img"])
