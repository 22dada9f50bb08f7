"""Rendered walks: exact depth, truth that fits it, the same frames in any order."""

import dataclasses
import math
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from autoseg3d_core.config import ConfigError, load_config
from autoseg3d_core.geometry.transforms import is_rigid, transform_points
from autoseg3d_core.simulation.labels import LABEL_OF
from autoseg3d_core.simulation.light import EVEN_LIGHT
from autoseg3d_core.simulation.parts import Material, Part, Placed, Thing, box
from autoseg3d_core.simulation.rooms import House
from autoseg3d_core.simulation.settings import SimulationConfig, split_of
from autoseg3d_core.structures import CameraIntrinsics, InputError

CAMERA = CameraIntrinsics(100.0, 100.0, 63.5, 47.5, 128, 96)
WHITE = Material((1, 1, 1))


@pytest.mark.parametrize(
    ("seed", "style", "split"),
    [
        (0, "home", "train"),
        (4999, "endless", "train"),
        (5000, "home", "development"),
        (5999, "mixed", "development"),
        (10000, "home", "validation"),
        (30000, "other", "other"),
        (31999, "other-tuning", "other-tuning"),
    ],
)
def test_a_seed_belongs_to_a_split(seed, style, split):
    assert split_of(seed, style) == split


@pytest.mark.parametrize(
    ("seed", "style"),
    [
        *((seed, "home") for seed in (-1, 6000, 9999, 11000, 30000, 31000)),
        *((seed, "other") for seed in (0, 10000, 31000)),
        *((seed, "other-tuning") for seed in (0, 5000, 30000)),
    ],
)
def test_other_seeds_are_refused_unless_forced(seed, style):
    with pytest.raises(InputError, match="no split"):
        split_of(seed, style)
    if seed >= 0:
        assert split_of(seed, style, forced=True) == "none"


@pytest.mark.parametrize("override", ["rooms=0", "moving=always", "colour=red", "width=3.5"])
def test_bad_settings_are_refused(override):
    with pytest.raises(ConfigError, match=override.split("=")[0]):
        load_config(SimulationConfig, None, (override,))


@pytest.fixture(scope="module")
def box_view(gl):
    """Look from the origin along x at a wall 4 m ahead and a box of 0.49 m before it, its face at 2 m."""
    from autoseg3d_core.simulation.render import Renderer
    from autoseg3d_core.simulation.scene_model import build_model

    wall = Part("wall", "box", (0.2, 20.0, 20.0), (4.1, 0.0, 0.0), WHITE)
    thing = Thing("box", (box("body", (0.49, 0.49, 0.49), (0, 0, 0.245), WHITE),))
    house = House((), (), (wall,), (Placed(thing, np.array([2.245, 0.0, -0.245]), 0.0),))
    scene = build_model(house, 0, CAMERA.width, CAMERA.height, EVEN_LIGHT, {"antialias": 0, "shadow": 0})
    renderer = Renderer(scene, CAMERA)
    pose = np.eye(4)
    pose[:3, :3] = [[0, 0, 1], [-1, 0, 0], [0, -1, 0]]
    view = renderer.render(pose)
    renderer.close()
    return scene, view


def test_depth_is_metres_along_the_optical_axis(box_view):
    scene, view = box_view
    on_box = np.append(scene.instance, 0)[view.geometry] == 1
    assert np.abs(view.depth[on_box] - 2.0).max() < 2e-4
    assert np.abs(view.depth[~on_box] - 4.0).max() < 1e-3


def test_the_box_covers_the_pixels_that_the_camera_model_says(box_view):
    scene, view = box_view
    row, column = np.nonzero(np.append(scene.instance, 0)[view.geometry] == 1)
    half = 100.0 * 0.245 / 2.0
    assert column.min() == math.ceil(63.5 - half)
    assert column.max() == math.floor(63.5 + half)
    assert row.min() == math.ceil(47.5 - half)
    assert row.max() == math.floor(47.5 + half)


def test_a_slanted_plane_has_the_depth_of_its_equation(gl):
    from autoseg3d_core.simulation.render import Renderer
    from autoseg3d_core.simulation.scene_model import build_model

    floor = Part("floor", "box", (60.0, 60.0, 0.2), (0.0, 0.0, -0.1), WHITE)
    scene = build_model(House((), (), (floor,), ()), 0, 128, 96, EVEN_LIGHT, {"antialias": 0, "shadow": 0})
    renderer = Renderer(scene, CAMERA)
    pose, drop = np.eye(4), math.radians(40)
    forward = np.array([math.cos(drop), 0, -math.sin(drop)])
    right = np.array([0.0, -1.0, 0.0])
    pose[:3, :3] = np.column_stack([right, np.cross(forward, right), forward])
    pose[:3, 3] = [0, 0, 1.5]
    depth = renderer.render(pose).depth
    renderer.close()
    v = (np.arange(96) - CAMERA.cy) / CAMERA.fy
    expected = 1.5 / (math.sin(drop) + v * math.cos(drop))
    assert np.abs(depth / expected[:, None] - 1).max() < 1e-3


def test_the_same_seed_gives_the_same_frames_in_any_order(open_walk):
    noisy = dict.fromkeys(
        ("depth_noise", "edge_holes", "missing_returns", "pose_jitter", "color_noise"), True
    )
    first, second = (open_walk(7, moving="observed", **noisy) for _ in range(2))
    forwards = {i: first[i] for i in (0, 5, 20)}
    truths = {i: first.truth(i) for i in (0, 5, 20)}
    for i in (20, 0, 5):
        for name in ("rgb", "depth", "world_from_camera"):
            assert (getattr(forwards[i], name) == getattr(second[i], name)).all()
        assert (truths[i].part == second.truth(i).part).all()


def test_another_seed_gives_other_frames(open_walk):
    assert (open_walk(7)[0].rgb != open_walk(8)[0].rgb).any()


def test_a_frame_is_what_structures_say(open_walk):
    walk = open_walk(3)
    frame = walk[5]
    assert frame.rgb.shape == (72, 96, 3)
    assert frame.rgb.dtype == np.uint8
    assert frame.depth.dtype == np.float32
    assert np.isfinite(frame.depth).all()
    assert frame.stamp_ns == 500_000_000
    assert is_rigid(frame.world_from_camera)
    assert (frame.world_from_camera == walk.truth(5).world_from_camera).all()
    assert len(list(walk)) == 24
    with pytest.raises(IndexError, match="24 frames"):
        walk[24]


def points_of(walk, index):
    frame, truth = walk[index], walk.truth(index)
    row, column = np.nonzero(frame.depth)
    z = frame.depth[row, column].astype(np.float64)
    camera = frame.camera
    local = np.column_stack([(column - camera.cx) * z / camera.fx, (row - camera.cy) * z / camera.fy, z])
    return transform_points(truth.world_from_camera, local), truth.instance[row, column]


@pytest.mark.parametrize("moving", ["none", "observed"])
def test_points_of_an_instance_lie_in_its_box(open_walk, moving):
    walk = open_walk(11, moving=moving, moving_share=1.0, frames=60)
    checked = 0
    for index in range(0, 60, 6):
        xyz, instance = points_of(walk, index)
        for name in np.unique(instance[instance > 0]):
            inside = xyz[instance == name]
            boundary = walk.box_of(int(name), index)
            assert (inside > boundary[:3] - 0.01).all()
            assert (inside < boundary[3:] + 0.01).all()
            checked += len(inside)
    assert checked > 5000


def test_parts_belong_to_one_instance_each(open_walk):
    walk = open_walk(11)
    for index in (0, 12):
        truth = walk.truth(index)
        pairs = np.unique(np.column_stack([truth.part.ravel(), truth.instance.ravel()]), axis=0)
        assert len(np.unique(pairs[:, 0])) == len(pairs)
        assert ((pairs[:, 0] > 0) == (pairs[:, 1] > 0)).all()


def test_the_scene_truth_names_what_was_seen(open_walk):
    walk = open_walk(11)
    truth = walk.scene_truth()
    seen = set().union(*(np.unique(walk.truth(i).instance) for i in range(24))) - {0}
    assert set(truth.ids.tolist()) <= seen
    assert len(truth.ids) > 0.5 * len(seen)
    assert truth.boxes.shape == (len(truth.ids), 6)
    for name, label, boundary in zip(truth.ids, truth.labels, truth.boxes, strict=True):
        assert label == LABEL_OF[walk.house.things[name - 1].thing.label]
        mine = truth.cloud.xyz[truth.cloud.ids == name]
        assert (mine > boundary[:3] - 0.03).all()
        assert (mine < boundary[3:] + 0.03).all()
    voxels = np.floor(truth.cloud.xyz / 0.02).astype(int)
    assert len(np.unique(voxels, axis=0)) > 0.99 * len(voxels)
    assert (truth.cloud.labels[truth.cloud.ids == 0] == -1).all()


def test_moved_things_end_up_where_they_were_seen_last(open_walk):
    walks = (open_walk(seed, moving="unobserved", moving_share=1.0, frames=150) for seed in range(12, 18))
    walk = next(w for w in walks if w.motions)
    motion = walk.motions[0]
    boxes = [walk.box_of(motion.thing + 1, i) for i in (0, motion.end, 149)]
    assert np.abs(boxes[0] - boxes[2]).max() > 0.1
    truth = walk.scene_truth()
    known = {int(name): boundary for name, boundary in zip(truth.ids, truth.boxes, strict=True)}
    seen = [i for i in range(150) if (walk.truth(i).instance == motion.thing + 1).any()]
    assert seen
    if motion.thing + 1 in known:
        assert np.allclose(known[motion.thing + 1], walk.box_of(motion.thing + 1, seen[-1]), atol=1e-4)


NOISE = {
    "depth_noise": "depth",
    "edge_holes": "depth",
    "missing_returns": "depth",
    "pose_jitter": "world_from_camera",
    "color_noise": "rgb",
}


@pytest.mark.parametrize("switch", NOISE)
def test_a_noise_switch_changes_its_image_only(open_walk, switch):
    clean, noisy = open_walk(11)[3], open_walk(11, **{switch: True})[3]
    changed = {
        f for f in ("rgb", "depth", "world_from_camera") if (getattr(clean, f) != getattr(noisy, f)).any()
    }
    assert changed == {NOISE[switch]}


def test_holes_do_not_depend_on_depth_noise(open_walk):
    quiet, noisy = (open_walk(11, edge_holes=True, depth_noise=value)[3].depth for value in (False, True))
    assert ((quiet == 0) == (noisy == 0)).all()


def test_the_world_is_the_house_unless_shifted(open_walk):
    assert (open_walk(4, random_origin=False).world_from_house == np.eye(4)).all()
    assert (open_walk(4).world_from_house != np.eye(4)).any()


def test_moving_the_world_changes_no_image(open_walk):
    still, shifted = open_walk(4, random_origin=False), open_walk(4)
    assert (still[2].depth == shifted[2].depth).all()
    assert (still[2].rgb == shifted[2].rgb).all()


def test_a_closed_walk_renders_again(open_walk):
    walk = open_walk(4)
    before = walk[1].rgb
    walk.close()
    assert (walk[1].rgb == before).all()


def test_two_open_walks_do_not_disturb_each_other(open_walk):
    first, second = open_walk(4), open_walk(5)
    before = first[0].rgb
    assert (second[0].rgb != before).any()
    assert (first[1].rgb != before).any()
    assert (first[0].rgb == before).all()


def test_any_thread_may_ask_for_frames(open_walk):
    walk = open_walk(4)
    before = walk[0].rgb
    with ThreadPoolExecutor(1) as other:
        assert (other.submit(walk.__getitem__, 1).result().rgb != before).any()
        assert (other.submit(walk.__getitem__, 0).result().rgb == before).all()
    assert (walk[1].rgb != before).any()


def test_no_gl_library_comes_into_the_process_that_asks_for_images(gl):
    """Mesa's LLVM and Triton's in one process end in a segmentation fault."""
    script = """
from autoseg3d_core.cli.source import open_source
frame = open_source("simulation:5000", ("frames=5", "width=64", "height=48"))[0]
assert frame.rgb.std() > 5
loaded = open("/proc/self/maps").read()
print([word for word in ("LLVM", "libEGL", "libOSMesa", "swrast", "gallium") if word in loaded])
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (0, "[]\n"), run.stderr


def test_if_the_process_that_renders_dies_it_is_told_and_the_next_sequence_has_a_new_one(open_walk):
    from autoseg3d_core.simulation.render_process import render_process

    walk = open_walk(4)
    before = walk[0].rgb
    process = render_process()
    os.kill(process._child.pid, signal.SIGKILL)
    with pytest.raises(InputError, match=r"ended with code -9: see what `autoseg3d doctor`"):
        walk[1]
    walk.close()
    assert render_process() is not process
    assert (walk[0].rgb == before).all()


def test_what_is_missing_for_rendering_is_told_once_before_any_frame(monkeypatch, tmp_path, capsys):
    from autoseg3d_core.cli.__main__ import main

    monkeypatch.setitem(sys.modules, "mujoco", None)
    out = ["--out", str(tmp_path / "out")]
    for words in (
        ["replay", "simulation:5000", *out],
        ["masks", "simulation:5000-5119", "--set", "masks.name=geometric"],
        ["synthesize", "--seeds", "0-119", *out],
    ):
        assert main(words) == 2
        [line] = capsys.readouterr().err.splitlines()
        assert "pip install mujoco" in line
        assert not (tmp_path / "out").exists()


def test_without_a_gl_library_the_error_says_what_to_install(monkeypatch):
    from autoseg3d_core.simulation import gl_context

    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.setattr(gl_context, "LIBRARIES", {})
    with pytest.raises(InputError, match="apt install"):
        gl_context.make_context(8, 8)


def test_the_config_is_frozen(small):
    with pytest.raises(dataclasses.FrozenInstanceError):
        small().rooms = 3


def test_a_scene_of_any_sensor_and_path_is_the_same_again(open_walk):
    first, second = (open_walk(3, sensor="any", path="any") for _ in range(2))
    assert first.sensor == second.sensor
    assert first.faults == second.faults
    assert (first.path == second.path).all()
    for index in (5, 2):
        assert (first[index].depth == second[index].depth).all()
        assert (first[index].rgb == second[index].rgb).all()
        assert (first[index].world_from_camera == second[index].world_from_camera).all()


def test_faults_change_neither_the_house_nor_the_true_poses(open_walk):
    plain = open_walk(4)
    faulty = open_walk(
        4, sensor="structured", readout_ms=30, exposure_ms=20, registration_m=0.01, pose_drift_m=0.05
    )
    assert (plain.path == faulty.path).all()
    assert (plain.truth(6).instance == faulty.truth(6).instance).all()
    assert (plain[6].world_from_camera == plain.world_from_camera(6)).all()
    shift = faulty[6].world_from_camera[:3, 3] - faulty.world_from_camera(6)[:3, 3]
    assert 0.005 < np.linalg.norm(shift) < 0.3
    assert (plain[6].rgb != faulty[6].rgb).any()
