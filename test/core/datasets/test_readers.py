"""Each reader on a small scene in its raw format, and what it says of one that is broken."""

import json
import shutil
import struct
from dataclasses import replace

import numpy as np
import pytest
from recordings import raw

from autoseg3d_core.datasets.open_sequence import format_of, open_sequence
from autoseg3d_core.datasets.source_options import SourceOptions
from autoseg3d_core.structures import CameraIntrinsics, InputError


@pytest.fixture(scope="module")
def all_written(tmp_path_factory, tiny_class):
    base = tmp_path_factory.mktemp("raw")
    for name, write in raw.WRITERS.items():
        write(base / name / "scene0000_00", tiny_class())
    return base


@pytest.fixture
def written(all_written, tmp_path):
    """Return a function that copies the scene of a format, to be spoiled."""

    def copy(name):
        shutil.copytree(all_written / name, tmp_path / name)
        return tmp_path / name / "scene0000_00"

    return copy


def scenenn_camera(name):
    return SourceOptions(intrinsics=TINY) if name == "SceneNN" else SourceOptions()


TINY = CameraIntrinsics(50.0, 52.0, 19.5, 14.5, 40, 30)


@pytest.mark.parametrize("name", raw.WRITERS)
def test_a_recording_is_told_apart_and_read_as_it_was_written(all_written, tiny_class, name):
    path = all_written / name / "scene0000_00"
    assert format_of(path).name == name
    again, original = open_sequence(path, scenenn_camera(name)), tiny_class()
    assert len(again) == 6
    stamps = [again[i].stamp_ns for i in range(6)]
    assert stamps == sorted(set(stamps))
    for index in (4, 0):
        first, second = original[index], again[index]
        assert np.allclose(second.depth, first.depth, atol=6e-4)
        assert np.abs(second.rgb.astype(int) - first.rgb).mean() < (6 if name == "ScanNet .sens" else 1e-9)
        assert np.allclose(second.world_from_camera, first.world_from_camera, atol=1e-6)
        assert second.camera == first.camera


def test_a_log_of_poses_is_read_as_the_files_of_poses_are(tmp_path, tiny_class):
    raw.write_scenenn_log(tmp_path / "a", tiny_class())
    again = open_sequence(tmp_path / "a", scenenn_camera("SceneNN"))
    assert len(again) == 6
    assert np.allclose(again[3].world_from_camera, tiny_class()[3].world_from_camera)


@pytest.mark.parametrize(("color_kind", "depth_kind"), [(0, 0), (0, 1), (2, 0)])
def test_sens_files_are_read_however_their_images_are_stored(tmp_path, tiny_class, color_kind, depth_kind):
    file = tmp_path / "scene0001_00.sens"
    file.write_bytes(raw.sens_bytes(tiny_class(), color_kind=color_kind, depth_kind=depth_kind))
    frame = open_sequence(file)[5]
    assert np.allclose(frame.depth, tiny_class()[5].depth, atol=6e-4)
    assert open_sequence(file).name == "scene0001_00"
    if color_kind == 0:
        assert np.array_equal(frame.rgb, tiny_class()[5].rgb)


def test_a_pose_between_two_known_ones_is_interpolated(written, tiny_class):
    path = written("TUM RGB-D")
    lines = (path / "groundtruth.txt").read_text().splitlines()
    rows = [line.split() for line in lines[2:]]
    moved = [" ".join([f"{float(r[0]) + 0.01 * s:.4f}", *r[1:]]) for r in rows for s in (-1, 1)]
    (path / "groundtruth.txt").write_text("\n".join(moved))
    assert np.allclose(open_sequence(path)[2].world_from_camera, tiny_class().pose(2), atol=1e-9)


def test_a_calibration_that_is_guessed_is_said(tmp_path, tiny_class):
    for name, word in (("rgbd_dataset_freiburg3_x", "freiburg3"), ("mine", "525,525")):
        raw.write_tum(tmp_path / name, tiny_class())
        (tmp_path / name / "intrinsic.txt").unlink()
        (guess,) = open_sequence(tmp_path / name).guesses
        assert word in guess
        assert "--intrinsics" in guess


@pytest.mark.parametrize(
    ("options", "check"),
    [
        (SourceOptions(depth_scale=500.0), lambda a, b: np.allclose(a.depth, 2 * b.depth, atol=1e-6)),
        (SourceOptions(swap_colors=True), lambda a, b: np.array_equal(a.rgb, b.rgb[..., ::-1])),
        (
            SourceOptions(pose_convention="world-to-camera"),
            lambda a, b: np.allclose(a.world_from_camera @ b.world_from_camera, np.eye(4), atol=1e-6),
        ),
        (
            SourceOptions(pose_convention="opengl"),
            lambda a, b: np.allclose(a.world_from_camera, b.world_from_camera @ raw.OPENGL),
        ),
        (
            SourceOptions(pose_scale=1000.0),
            lambda a, b: np.allclose(a.world_from_camera[:3, 3], b.world_from_camera[:3, 3] / 1000),
        ),
        (
            SourceOptions(intrinsics=replace(TINY, width=0, height=0, fx=60.0)),
            lambda a, b: a.camera == replace(TINY, fx=60.0),
        ),
        (
            SourceOptions(intrinsics=CameraIntrinsics(100.0, 104.0, 39.5, 29.5, 80, 60)),
            lambda a, b: a.camera == TINY,
        ),
    ],
)
@pytest.mark.parametrize("name", ["posed images", "3RScan", "bag"])
def test_an_option_changes_what_it_says(all_written, tiny_bag, name, options, check):
    path = tiny_bag if name == "bag" else all_written / name / "scene0000_00"
    if name == "posed images" and options.depth_scale:
        options = replace(options, depth_scale=0.5)  # its depth is metres
    if name == "3RScan" and options.intrinsics:
        options = replace(options, depth_intrinsics=options.intrinsics)
    assert check(open_sequence(path, options)[3], open_sequence(path)[3])


def test_what_is_said_of_a_bag_is_refused_for_a_folder(all_written):
    with pytest.raises(InputError, match="it is not a bag, so --target-frame has no effect here"):
        open_sequence(all_written / "3RScan" / "scene0000_00", SourceOptions(target_frame="map"))


def test_depth_of_half_the_size_lies_where_colour_does(written, tiny_class):
    path = written("posed images")
    for file in (path / "depth").iterdir():
        np.save(file, np.load(file)[::2, ::2])
    frame, whole = open_sequence(path)[3], tiny_class()[3]
    assert frame.depth.shape == whole.depth.shape
    seen = (frame.depth > 0) & (whole.depth > 0)
    assert seen.mean() > 0.85
    assert np.abs(frame.depth - whole.depth)[seen].max() < 0.021  # a row of the scene is 1 cm


def test_depth_of_another_shape_needs_its_own_calibration(written, tiny_class):
    path = written("posed images")
    for file in (path / "depth").iterdir():
        np.save(file, np.load(file)[:, 4:-4])
    with pytest.raises(InputError, match=r"32x30 but colour is 40x30.*--depth-intrinsics"):
        open_sequence(path)[0]
    own = SourceOptions(depth_intrinsics=CameraIntrinsics(50.0, 52.0, 15.5, 14.5, 32, 30))
    frame, whole = open_sequence(path, own)[3], tiny_class()[3]
    assert np.array_equal(frame.depth[:, 4:-4], whole.depth[:, 4:-4])
    assert not frame.depth[:, :4].any()


def test_depth_of_a_camera_beside_is_moved_to_colours_place(written, tiny_class):
    """A wall 2 m away, seen 10 cm beside: 0.1 / 2 * 50 pixels."""
    path = written("posed images")
    wall = np.full((30, 40), 2.0, np.float32)
    wall[10:20, 10:20] = 1.0
    for file in (path / "depth").iterdir():
        np.save(file, wall)
    frame = open_sequence(path, SourceOptions(depth_offset=(0.1, 0.0, 0.0)))[0]
    expected = np.zeros((30, 40), np.float32)
    expected[:, 2:] = 2.0  # 2.5 pixels
    expected[10:20, 15:25] = 1.0  # 5 pixels
    assert (np.abs(frame.depth - expected) < 1e-6).mean() > 0.9
    assert np.array_equal(frame.depth[10:20, 15:25], expected[10:20, 15:25])


def test_the_published_resize_stretches_colour_onto_depth(written, tiny_class):
    path = written("posed images")
    for file in (path / "depth").iterdir():
        np.save(file, np.load(file)[::2])
    stretched = SourceOptions(
        registration="resize", depth_intrinsics=CameraIntrinsics(50.0, 26.0, 19.5, 7.0, 40, 15)
    )
    frame = open_sequence(path, stretched)[2]
    assert frame.rgb.shape == (15, 40, 3)
    assert np.array_equal(frame.depth, tiny_class()[2].depth[::2])
    assert frame.camera.fy == 26.0


def test_exported_images_of_any_size_are_read_with_the_recorded_calibration(written):
    path = written("ScanNet, exported")
    full = np.array([[1169.0, 0, 646.0, 0], [0, 1167.0, 489.0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    (path / "intrinsic" / "intrinsic_color.txt").write_text(raw.lines(full))
    sequence = open_sequence(path)
    assert "1296x968" in sequence.guesses[0]
    assert sequence[0].camera.fx == pytest.approx(1169.0 * 40 / 1296)


def edit_json(path, change):
    said = json.loads((path / "transforms.json").read_text())
    change(said)
    (path / "transforms.json").write_text(json.dumps(said))


def infinite(file):
    file.write_text(raw.lines(np.full((4, 4), -np.inf)))


BAD = [
    ("TUM RGB-D", lambda p: (p / "groundtruth.txt").unlink(), "poses are needed"),
    ("TUM RGB-D", lambda p: (p / "groundtruth.txt").write_text("1 2 3"), "expected time, tx ty tz"),
    ("TUM RGB-D", lambda p: (p / "groundtruth.txt").write_text("5 0 0 0 0 0 0 1"), "no pose within 0.1 s"),
    ("TUM RGB-D", lambda p: (p / "rgb.txt").write_text("1.5\n"), "a time and a file name per line"),
    ("Replica (NICE-SLAM)", lambda p: (p / "traj.txt").write_text(""), "no pose of 6 of 6 frames"),
    (
        "Replica (NICE-SLAM)",
        lambda p: (p.parent / "cam_params.json").write_text('{"camera": {"w": 40}}'),
        "expected camera: w, h",
    ),
    ("Replica (NICE-SLAM)", lambda p: (p.parent / "cam_params.json").write_text("{"), "is not JSON"),
    ("nerfstudio", lambda p: (p / "transforms.json").write_text('{"frames": [{'), "is not JSON"),
    ("nerfstudio", lambda p: edit_json(p, lambda s: s.pop("frames")), "no list of frames"),
    ("nerfstudio", lambda p: edit_json(p, lambda s: s.pop("fl_x")), "lacks the camera: fl_x"),
    ("nerfstudio", lambda p: shutil.rmtree(p / "depth"), "no such file, named in transforms.json"),
    (
        "nerfstudio",
        lambda p: edit_json(p, lambda s: [f.pop("depth_file_path") for f in s["frames"]]),
        "without depth_file_path",
    ),
    ("3RScan", lambda p: (p / "sequence" / "_info.txt").unlink(), "_info.txt: no such file, so there is"),
    ("3RScan", lambda p: (p / "sequence" / "_info.txt").write_text("m_colorWidth = 40"), "lacks a calibrat"),
    (
        "3RScan",
        lambda p: (shutil.rmtree(p / "sequence"), (p / "sequence.zip").write_bytes(b"PK")),
        "unzip sequence.zip",
    ),
    ("SceneNN", lambda p: (p / "trajectory.log").write_text("0 0 1\n1 0 0 0\n"), "the file is cut off"),
    ("posed images", lambda p: (p / "intrinsics.txt").unlink(), "3x3 matrix"),
    ("ScanNet .sens", lambda p: sens(p).write_bytes(sens(p).read_bytes()[:100]), "within its header"),
    ("ScanNet .sens", lambda p: sens(p).write_bytes(sens(p).read_bytes()[:400]), "ends after 0 of 6 frames"),
    (
        "ScanNet .sens",
        lambda p: sens(p).write_bytes(b"<html>404 not found</html>"),
        "not a .sens file of",
    ),
    ("ScanNet .sens", lambda p: shutil.copy(sens(p), p / "b.sens"), "name the one to read"),
]


def sens(path):
    return path / "scene0000_00.sens"


@pytest.mark.parametrize(("name", "spoil", "message"), BAD)
def test_a_broken_recording_is_refused_in_one_line(written, name, spoil, message):
    path = written(name)
    spoil(path)
    with pytest.raises(InputError, match=message) as caught:
        open_sequence(path)[0]
    assert "\n" not in str(caught.value)


BROKEN_FRAMES = [
    ("TUM RGB-D", lambda p: sorted((p / "rgb").iterdir())[2].unlink(), "cannot be read"),
    ("Replica (NICE-SLAM)", lambda p: (p / "results" / "depth000002.png").write_bytes(b"x"), "as an image"),
    ("nerfstudio", lambda p: edit_json(p, lambda s: s["frames"][3].pop("transform_matrix")), "4x4 numbers"),
    ("3RScan", lambda p: infinite(p / "sequence" / "frame-000002.pose.txt"), "NaN or infinite"),
    ("ScanNet, exported", lambda p: infinite(p / "pose" / "40.txt"), "NaN or infinite"),
    ("SceneNN", lambda p: (p / "pose" / "00081.npy").write_bytes(b"\x93NUMPY"), "cannot be read as a matrix"),
    ("posed images", lambda p: (p / "depth" / "00002.npy").write_bytes(b"\x93NUMPY"), "as an array"),
]


@pytest.mark.parametrize(("name", "spoil", "message"), BROKEN_FRAMES)
def test_a_broken_frame_costs_only_itself(written, name, spoil, message):
    path = written(name)
    spoil(path)
    sequence = open_sequence(path, scenenn_camera(name))
    with pytest.raises(InputError, match=message):
        sequence[2]
    assert sequence[3].depth.shape == (30, 40)


MISSING_FILES = [
    ("Replica (NICE-SLAM)", "results/depth000003.png", "no depth of 1 of 6 frames"),
    ("3RScan", "sequence/frame-000003.pose.txt", "no pose of 1 of 6 frames"),
    ("nerfstudio", "images/frame_00004.png", "no such file, named in"),
    ("SceneNN", "image/image00121.png", "no color of 1 of 6 frames"),
]


@pytest.mark.parametrize(("name", "file", "message"), MISSING_FILES)
def test_a_missing_file_is_counted_and_named(written, name, file, message):
    path = written(name)
    (path / file).unlink()
    sequence = open_sequence(path, scenenn_camera(name))
    assert len(sequence) == 5
    assert sequence.skipped == {"no files": 1}
    assert message in sequence.skip_reasons["no files"]


def test_a_truncated_sens_file_gives_the_frames_that_it_has(written):
    path = written("ScanNet .sens")
    data = sens(path).read_bytes()
    sens(path).write_bytes(data[: len(data) - 10])
    sequence = open_sequence(path)
    assert len(sequence) == 5
    assert sequence.skipped == {"cut off": 1}
    assert "ends after 5 of 6 frames" in sequence.skip_reasons["cut off"]
    assert sequence[4].depth.shape == (30, 40)


def test_a_sens_file_with_damaged_bytes_costs_only_those_frames(written):
    path = written("ScanNet .sens")
    data = bytearray(sens(path).read_bytes())
    data[-8:] = bytes(8)
    sens(path).write_bytes(data)
    sequence = open_sequence(path)
    with pytest.raises(InputError, match=r"frame 5: depth is damaged"):
        sequence[5]
    assert sequence[4].depth.shape == (30, 40)


def test_a_sens_file_of_another_version_is_refused(written):
    path = written("ScanNet .sens")
    data = sens(path).read_bytes()
    sens(path).write_bytes(struct.pack("<I", 3) + data[4:])
    with pytest.raises(InputError, match="found 3"):
        open_sequence(path)


NEARBY = [
    (lambda p: p.parent, "no recording itself, but contains some: give one, such as .*scene0000_00$"),
    (lambda p: p.parent.parent, "contains some: give one, such as .*scene0000_00$"),
    (
        lambda p: next(f for f in sorted(p.iterdir()) if f.is_dir()),
        "a part of a recording: give .*scene0000_00$",
    ),
]


@pytest.mark.parametrize(("place", "message"), NEARBY)
@pytest.mark.parametrize("name", ["Replica (NICE-SLAM)", "posed images", "TUM RGB-D"])
def test_a_folder_above_or_below_a_recording_is_told_which_one_to_give(written, name, place, message):
    path = place(written(name))
    with pytest.raises(InputError, match=message):
        open_sequence(path)


def test_what_has_to_be_converted_or_unpacked_first_is_told_how(tmp_path):
    for name in ("images", "depth", "cameras"):
        (tmp_path / "scan" / "keyframes" / name).mkdir(parents=True)
    for path in (tmp_path / "scan", tmp_path / "scan" / "keyframes"):
        with pytest.raises(InputError, match=r"ns-process-data polycam --data .*scan --output-dir NEW"):
            open_sequence(path)
    (tmp_path / "rgbd_dataset_freiburg1_xyz.tgz").write_bytes(b"x")
    with pytest.raises(InputError, match="an archive: unpack it"):
        open_sequence(tmp_path / "rgbd_dataset_freiburg1_xyz.tgz")


def test_a_folder_of_no_known_kind_is_told_what_was_looked_for(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(
        InputError, match=r"not a recording of a known format.*transforms\.json.*rgb\.txt"
    ) as caught:
        open_sequence(tmp_path)
    assert "\n" not in str(caught.value)
