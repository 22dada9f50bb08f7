import numpy as np
import pytest
import torch

from autoseg3d_core.geometry.scene_origin import OriginConfig, scene_origin

RNG = np.random.default_rng(0)
POINTS = torch.from_numpy(RNG.uniform(-3, 3, (50, 3)).astype(np.float32))
Z_TO_MINUS_Y = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # maps y to z


def camera_pose(yaw=0.3, pitch=-0.2, position=(1.0, 2.0, 1.3)):
    """Return the pose of a camera in a z-up world, looking along x when yaw and pitch are 0."""
    ahead = np.array([np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), np.sin(pitch)])
    right = np.cross(ahead, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(ahead, right), ahead], axis=1)
    pose[:3, 3] = position
    return pose


def rigid(rotation=None, shift=(0.0, 0, 0)):
    move = np.eye(4)
    move[:3, :3] = np.eye(3) if rotation is None else rotation
    move[:3, 3] = shift
    return move


def turn(angle):
    return np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])


def seen(pose, points, **options):
    return scene_origin(pose, OriginConfig(**options)).to_scene(points.double()).numpy()


@pytest.mark.parametrize(
    "world",
    [
        rigid(shift=(5000.0, -3000, 40)),
        rigid(turn(2.0)),
        rigid(turn(-1.0), (1e5, 2e5, 0)),
        rigid(Z_TO_MINUS_Y.T),
        rigid(Z_TO_MINUS_Y @ turn(0.7), (10, 20, 3000)),
        rigid(np.diag([1.0, -1, -1])),
    ],
)
def test_a_moved_and_turned_world_of_any_axes_gives_the_same_scene(world):
    pose = camera_pose()
    moved = torch.from_numpy(POINTS.numpy() @ world[:3, :3].T + world[:3, 3])
    assert np.allclose(seen(world @ pose, moved), seen(pose, POINTS), atol=1e-6)


def test_the_first_camera_stands_on_the_floor_and_looks_along_x():
    pose = camera_pose()
    origin = scene_origin(pose, OriginConfig(camera_height_m=1.3))
    camera, ahead = torch.from_numpy(np.stack([pose[:3, 3], pose[:3, 3] + pose[:3, 2]]))
    assert origin.to_scene(camera[None])[0].tolist() == pytest.approx([0, 0, 1.3])
    x, y, z = (origin.to_scene(ahead[None])[0]).tolist()
    assert (x > 0.9, abs(y) < 1e-9, z < 1.3) == (True, True, True)


@pytest.mark.parametrize("pitch", [-np.pi / 2, np.pi / 2])
def test_a_camera_that_looks_straight_down_or_up_has_a_scene_too(pitch):
    pose = camera_pose()
    right, down = np.array([0, -1.0, 0]), np.array([-np.sign(pitch) * -1.0, 0, 0])
    pose[:3, :3] = np.stack([right, down, np.cross(right, down)], axis=1)
    assert pose[2, 2] == np.sign(pitch)
    rotation = scene_origin(pose, OriginConfig(up="z")).rotation.numpy()
    assert np.allclose(rotation @ rotation.T, np.eye(3))
    assert np.linalg.det(rotation) == pytest.approx(1)
    assert rotation[2].tolist() == [0, 0, 1]


@pytest.mark.parametrize("degrees", [-55, -50, -30, 0, 25])
@pytest.mark.parametrize("yaw", [0.0, 0.3, np.pi / 4, 2.0])
@pytest.mark.parametrize("world", [np.eye(3), Z_TO_MINUS_Y, Z_TO_MINUS_Y.T, np.diag([1.0, -1, -1])])
def test_the_vertical_is_found_however_steeply_a_camera_usually_looks(degrees, yaw, world):
    pose = rigid(world) @ camera_pose(yaw, np.deg2rad(degrees))
    up = scene_origin(pose, OriginConfig(up="auto")).rotation[2].numpy()
    assert np.allclose(up, world @ [0, 0, 1])


def test_the_world_s_own_coordinates_can_be_kept():
    assert np.array_equal(seen(camera_pose(), POINTS, at="world"), POINTS.double().numpy())


def test_a_named_vertical_is_taken():
    tilted = camera_pose(pitch=-1.4)  # its upper side is all but level
    up = scene_origin(tilted, OriginConfig(up="z")).rotation[2]
    assert up.tolist() == [0, 0, 1]
    assert scene_origin(tilted, OriginConfig(up="-z")).rotation[2].tolist() == [0, 0, -1]
