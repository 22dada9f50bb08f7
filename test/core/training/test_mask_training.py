import numpy as np
import pytest
import torch

from autoseg3d_core.training.mask_augmentation import augmented
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
def test_augmentation_keeps_sizes_and_invents_no_parts_but_occluders(seed):
    rgb, labels = picture()
    foreign = np.full((30, 30, 3), 77, np.uint8)
    out, ids = augmented(rgb, labels, (32, 64), np.random.default_rng(seed), lambda: foreign)
    assert out.shape == (32, 64, 3)
    assert out.dtype == np.uint8
    assert ids.shape == (32, 64)
    assert set(np.unique(ids[ids < 60_000])) <= {0, 3, 7, 900}


def test_the_same_seed_augments_alike():
    rgb, labels = picture()
    first, second = (
        augmented(rgb, labels, (32, 32), np.random.default_rng(5), lambda: rgb) for _ in range(2)
    )
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])


@pytest.fixture
def trainer_of():
    pytest.importorskip("ultralytics", reason="training needs ultralytics: pip install ultralytics")
    from autoseg3d_core.training.masks import MaskTrainer, TrainMasksConfig

    def make():
        torch.manual_seed(0)
        config = TrainMasksConfig(height=64, width=64, batch=2, warmup=0, steps=100, half=False)
        return MaskTrainer(config, torch.device("cpu"))

    return make


def batch():
    return collated([picture(s, 64, 64) for s in range(2)])


def test_the_loss_falls_on_a_batch_that_is_seen_again_and_again(trainer_of):
    trainer = trainer_of()
    sums = [sum(trainer.train(batch()).values()) for _ in range(12)]
    assert np.mean(sums[-3:]) < 0.8 * np.mean(sums[:3])


def test_training_goes_on_where_it_was_left(trainer_of, tmp_path):
    straight, broken_off, resumed = trainer_of(), trainer_of(), trainer_of()
    for _ in range(4):
        straight.train(batch())
    for _ in range(2):
        broken_off.train(batch())
    torch.save(broken_off.state(), tmp_path / "state.pt")
    resumed.restore(torch.load(tmp_path / "state.pt", weights_only=True))
    for _ in range(2):
        resumed.train(batch())
    assert resumed.step == 4
    for name, tensor in straight.averaged.state_dict().items():
        assert torch.allclose(tensor, resumed.averaged.state_dict()[name], atol=1e-6), name


def test_the_learning_rate_rises_then_falls_to_a_hundredth(trainer_of):
    from autoseg3d_core.training.masks import TrainMasksConfig

    trainer = trainer_of()
    trainer.config = TrainMasksConfig(warmup=10, steps=100, learning_rate=1.0)
    rates = [trainer.learning_rate(step) for step in range(101)]
    assert rates[:10] == sorted(rates[:10])
    assert max(rates) == pytest.approx(1.0)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0.01)


def test_batches_depend_on_their_number_only(tmp_path):
    pytest.importorskip("mujoco", reason="rendering needs MuJoCo")
    from autoseg3d_core.training.mask_frames import render_frames

    files = render_frames(tmp_path, [0], per_scene=2, width=64)
    assert len(files) == 2
    assert render_frames(tmp_path, [0], per_scene=2, width=64) == files
    fifth = MaskBatches(files, (64, 64), 2, seed=1, first=4)
    stream = iter(MaskBatches(files, (64, 64), 2, seed=1))
    for _ in range(4):
        next(stream)
    assert torch.equal(next(stream)["img"], next(iter(fifth))["img"])
