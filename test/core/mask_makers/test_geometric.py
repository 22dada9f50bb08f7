import numpy as np
import pytest

from autoseg3d_core.mask_makers.geometric import GeometricConfig, GeometricMaskMaker
from autoseg3d_core.mask_makers.surfaces import concavity, surfaces_of
from autoseg3d_core.structures import CameraIntrinsics, Frame

CAMERA = CameraIntrinsics(280.0, 280.0, 159.5, 119.5, 320, 240)


def rays(camera):
    v, u = np.mgrid[: camera.height, : camera.width]
    return np.stack([(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones(u.shape)], axis=-1)


def depth_of(planes, camera=CAMERA):
    """Return the nearest of some planes n.X = c along each ray."""
    along = [rays(camera) @ np.array(n, float) / c for n, c in planes]
    return np.min([1 / np.maximum(a, 1e-9) for a in along], axis=0).astype(np.float32)


def frame_of(depth, rgb=None, camera=CAMERA):
    gray = np.full((*depth.shape, 3), 128, np.uint8)
    return Frame(gray if rgb is None else rgb, depth, camera, np.eye(4), 1)


def segmented(depth, rgb=None, camera=CAMERA, **options):
    return GeometricMaskMaker(GeometricConfig(**options))(frame_of(depth, rgb, camera))


def corner():
    """A floor 0.5 m below the camera that meets a wall 2.5 m before it, in row 175."""
    return depth_of([((0, 1, 0), 0.5), ((0, 0, 1), 2.5)])


def test_floor_and_wall_are_two_masks():
    masks = segmented(corner())
    wall, floor = masks.index[60, 160], masks.index[230, 160]
    assert wall != floor
    assert wall >= 0
    assert floor >= 0
    assert len(masks.score) == 2
    assert (masks.index[:165] == wall).mean() > 0.95


def test_a_slanted_plane_is_one_mask():
    masks = segmented(depth_of([((0.5, 0.6, 0.6), 1.2)]))
    assert len(masks.score) == 1
    assert (masks.index == 0).all()


def test_a_box_before_a_wall_is_a_mask_with_its_outline():
    depth = np.full((240, 320), 2.0, np.float32)
    depth[80:160, 100:200] = 1.5
    masks = segmented(depth)
    box = masks.index == masks.index[120, 150]
    truth = depth < 1.9
    assert (box & truth).sum() / (box | truth).sum() > 0.88


def test_a_paper_on_a_table_is_a_mask_by_its_colour():
    rgb = np.full((240, 320, 3), (120, 80, 40), np.uint8)
    rgb[80:160, 100:200] = 240
    masks = segmented(np.full((240, 320), 1.0, np.float32), rgb)
    assert masks.index[120, 150] != masks.index[20, 20]


def test_an_edge_that_bends_outwards_is_no_border_and_one_that_bends_inwards_is():
    ridge = np.maximum(
        1.2 / (rays(CAMERA) @ np.array([0.6, 0, 0.8])), 1.2 / (rays(CAMERA) @ np.array([-0.6, 0, 0.8]))
    ).astype(np.float32)
    valley = np.minimum(
        1.2 / (rays(CAMERA) @ np.array([0.6, 0, 0.8])), 1.2 / (rays(CAMERA) @ np.array([-0.6, 0, 0.8]))
    ).astype(np.float32)
    bends = [concavity(surfaces_of(depth, CAMERA, 7), 3)[120, 155:165].max() for depth in (ridge, valley)]
    assert sorted(bends)[0] == pytest.approx(0, abs=0.05)
    assert sorted(bends)[1] > 0.5
    assert {len(segmented(depth).score) for depth in (ridge, valley)} == {1, 2}


def test_normals_are_those_of_the_plane():
    normal = np.array([0.36, 0.48, 0.8])
    surfaces = surfaces_of(depth_of([(normal, 1.5)]), CAMERA, 7)
    inner = surfaces.normals[20:-20, 20:-20].reshape(-1, 3)
    assert np.abs(inner @ normal + 1).max() < 1e-3, "unit length, towards the camera"


def test_masks_keep_the_size_of_the_frame_and_their_number():
    camera = CameraIntrinsics(560.0, 560.0, 320.0, 240.0, 641, 479)
    masks = segmented(depth_of([((0, 1, 0), 1.0), ((0, 0, 1), 2.5)], camera), camera=camera)
    assert masks.index.shape == (479, 641)
    assert masks.index.max() + 1 == len(masks.score)
    assert ((masks.score > 0) & (masks.score <= 1)).all()


def test_the_same_frame_gives_the_same_masks():
    rng = np.random.default_rng(3)
    depth = corner() + rng.normal(0, 0.004, (240, 320)).astype(np.float32)
    rgb = rng.integers(0, 255, (240, 320, 3)).astype(np.uint8)
    assert np.array_equal(segmented(depth, rgb).index, segmented(depth, rgb).index)


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, -1.0])
def test_depth_that_says_nothing_gives_no_masks(value):
    masks = segmented(np.full((240, 320), value, np.float32))
    assert (masks.index == -1).all()
    assert len(masks.score) == 0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -3.0, 0.0])
def test_a_patch_without_depth_is_in_no_mask_and_spoils_no_other(value):
    depth = corner()
    depth[100:140, 40:90] = value
    masks = segmented(depth)
    assert (masks.index[110:130, 50:80] == -1).all()
    assert masks.index[60, 200] != masks.index[230, 200]
    assert np.isfinite(masks.score).all()


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (200, 3), (8, 8)])
def test_tiny_images_are_no_error(size):
    camera = CameraIntrinsics(100.0, 100.0, size[1] / 2, size[0] / 2, size[1], size[0])
    masks = segmented(np.ones(size, np.float32), camera=camera)
    assert masks.index.shape == size
