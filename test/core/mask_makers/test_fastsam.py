import cv2
import numpy as np
import pytest
import torch

from autoseg3d_core.mask_makers.fastsam import (
    FastSamConfig,
    FastSamMaskMaker,
    Letterbox,
    assembled,
    letterbox_of,
    letterboxed,
)
from autoseg3d_core.mask_makers.fastsam_network import empty_network
from autoseg3d_core.structures import CameraIntrinsics, Frame

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def network():
    pytest.importorskip("ultralytics", reason="FastSAM needs ultralytics: pip install ultralytics")
    torch.manual_seed(0)
    return empty_network()


def frame(height=120, width=160, seed=0):
    rng = np.random.default_rng(seed)
    rgb = cv2.resize(rng.integers(0, 255, (6, 8, 3)).astype(np.uint8), (width, height))
    camera = CameraIntrinsics(100.0, 100.0, width / 2, height / 2, width, height)
    return Frame(rgb, np.ones((height, width), np.float32), camera, np.eye(4), 1)


def mask_maker(network, **options):
    return FastSamMaskMaker(
        network, FastSamConfig(**{"size": 160, "confidence": 0.0, "max_masks": 20, **options}), CPU
    )


def slow_mask(coefficients, corners, prototypes, box, size):
    """Assemble one mask by itself: mix, cut, enlarge, take off the padding."""
    logits = sum(float(c) * p for c, p in zip(coefficients, prototypes, strict=True))
    rows, columns = logits.shape
    left, top, right, bottom = (
        float(v) * s
        for v, s in zip(corners, [columns / box.padded_width, rows / box.padded_height] * 2, strict=True)
    )
    for y in range(rows):
        for x in range(columns):
            if not (np.floor(left) <= x < np.ceil(right) and np.floor(top) <= y < np.ceil(bottom)):
                logits[y, x] = -4.0
    whole = cv2.resize(logits, (box.padded_width, box.padded_height), interpolation=cv2.INTER_LINEAR)
    image = whole[box.top : box.top + box.height, box.left : box.left + box.width]
    return cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR) > 0


@pytest.mark.parametrize("fine", [False, True])
def test_masks_are_those_assembled_one_by_one(fine):
    rng = np.random.default_rng(1)
    box = letterbox_of((120, 160), 160)
    size = (240, 320) if fine else (box.height, box.width)
    prototypes = rng.normal(size=(8, box.padded_height // 4, box.padded_width // 4)).astype(np.float32)
    coefficients = rng.normal(size=(12, 8)).astype(np.float32)
    low = rng.uniform([0, 0], [100, 80], (12, 2))
    corners = np.hstack([low, low + rng.uniform(5, 60, (12, 2))]).astype(np.float32)
    masks = assembled(*(torch.from_numpy(a) for a in (coefficients, corners, prototypes)), box, size)
    assert masks.shape == (12, *size)
    for mask, c, b in zip(masks.numpy(), coefficients, corners, strict=True):
        assert (mask != slow_mask(c, b, prototypes.copy(), box, size)).mean() < 2e-4


def test_masks_are_disjoint_numbered_without_gaps_and_of_the_frame_s_size(network):
    masks = mask_maker(network)(frame())
    assert masks.index.shape == (120, 160)
    assert len(masks.score) > 0
    assert set(np.unique(masks.index)) - {-1} == set(range(len(masks.score)))
    assert masks.index.dtype == np.int32
    assert ((masks.score >= 0) & (masks.score <= 1)).all()


def test_the_mask_image_is_that_of_masks_assembled_and_painted_one_by_one(network):
    maker = mask_maker(network, min_share=0.0, max_masks=60)
    seen, box = frame(), letterbox_of((120, 160), 160)
    with torch.inference_mode():
        found, prototypes = maker._detected(letterboxed(seen.rgb, box, CPU, torch.float32))
    found, prototypes = found.numpy(), prototypes.numpy()
    masks = [slow_mask(row[6:], row[:4], prototypes.copy(), box, (120, 160)) for row in found]
    painted = np.full((120, 160), -1)
    for index in sorted(range(len(masks)), key=lambda i: -masks[i].sum()):  # the largest first
        painted[masks[index]] = index
    ours = maker(seen)
    shown = np.unique(painted[painted >= 0])
    assert len(shown) > 3
    np.testing.assert_allclose(ours.score, found[shown, 4])
    assert (np.append(shown, -1)[ours.index] != painted).mean() < 2e-3


def test_the_same_frame_gives_the_same_masks(network):
    first, second = (mask_maker(network)(frame()) for _ in range(2))
    assert np.array_equal(first.index, second.index)


def test_nothing_found_is_a_frame_without_masks(network):
    masks = mask_maker(network, confidence=1.0)(frame())
    assert (masks.index == -1).all()
    assert len(masks.score) == 0


def test_masks_smaller_than_asked_for_are_left_out(network):
    masks = mask_maker(network, min_share=0.5)(frame())
    counts = np.bincount(masks.index[masks.index >= 0], minlength=1)
    assert len(masks.score) <= len(mask_maker(network)(frame()).score)
    assert len(counts) == max(1, len(masks.score))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 200), (200, 7), (121, 163)])
def test_images_of_any_size_are_taken(network, height, width):
    assert mask_maker(network)(frame(height, width)).index.shape == (height, width)


def test_features_come_from_the_same_pass_and_lie_over_the_image(network):
    masks = mask_maker(network, size=320, features=True)(frame(120, 320))
    without = mask_maker(network, size=320)(frame(120, 320))
    assert np.array_equal(masks.index, without.index)
    assert without.features is None
    assert masks.features.shape[1:] == (15, 40)  # of stride 8: 120 rows, padded to 128


def test_other_settings_share_the_network(network):
    first = mask_maker(network)
    assert len(first.with_config(FastSamConfig(size=160, confidence=1.0))(frame()).score) == 0


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((480, 640), Letterbox(240, 320, 8, 0, 256, 320)),
        ((640, 480), Letterbox(320, 240, 0, 8, 320, 256)),
        ((320, 320), Letterbox(320, 320, 0, 0, 320, 320)),
    ],
)
def test_the_longer_side_fills_the_input_and_the_shorter_is_padded(shape, expected):
    assert letterbox_of(shape, 320) == expected


def test_the_padding_is_gray_and_the_image_keeps_its_colours():
    rgb = np.full((60, 160, 3), (255, 0, 128), np.uint8)
    image = letterboxed(rgb, letterbox_of((60, 160), 160), CPU, torch.float32)
    assert image.shape == (1, 3, 64, 160)
    assert image[0, :, 0, 0].tolist() == pytest.approx([114 / 255] * 3)
    assert image[0, :, 32, 80].tolist() == pytest.approx([1.0, 0.0, 128 / 255])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_finds_about_the_same_masks(network):
    here = mask_maker(network)(frame())
    there = FastSamMaskMaker(
        empty_network().eval(), FastSamConfig(size=160, confidence=0.0), torch.device("cuda")
    )
    assert there(frame()).index.shape == here.index.shape
