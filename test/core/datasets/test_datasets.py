import shutil

import cv2
import numpy as np
import pytest
from written import write_bag, write_posed_images

from autoseg3d_core.datasets.bag_topics import COMPRESSED, IMAGE, INFO, BagTopics, find_topics
from autoseg3d_core.datasets.open_sequence import open_sequence
from autoseg3d_core.datasets.posed_images import PosedImages
from autoseg3d_core.datasets.rosbag import RosbagSequence
from autoseg3d_core.datasets.source_options import SourceOptions
from autoseg3d_core.datasets.write_bag import EPOCH_NS
from autoseg3d_core.structures import (
    InputError,
)


@pytest.fixture(scope="module")
def written(tmp_path_factory, tiny_class):
    base = tmp_path_factory.mktemp("written")
    write_posed_images(tiny_class(), base / "folder")
    write_bag(tiny_class(), base / "bag")
    write_bag(tiny_class(), base / "raw_bag", raw=True)
    return base


@pytest.fixture
def folder(written, tmp_path):
    shutil.copytree(written / "folder", tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.parametrize("name", ["folder", "bag", "raw_bag"])
def test_what_was_written_is_read_back(written, name, tiny_class):
    original, again = tiny_class(), open_sequence(written / name)
    shift = 0 if name == "folder" else EPOCH_NS
    assert len(again) == 6
    for index in (5, 0, 3):
        first, second = original[index], again[index]
        assert second.stamp_ns == first.stamp_ns + shift
        assert np.allclose(second.depth, first.depth, atol=6e-4)
        assert np.abs(second.rgb.astype(int) - first.rgb).mean() < 6
        assert np.allclose(second.world_from_camera, first.world_from_camera, atol=1e-6)
        assert second.camera == first.camera
        assert np.array_equal(again.truth(index).instance, original.truth(index).instance)
        assert np.array_equal(again.truth(index).part, original.truth(index).part)
    truth, expected = again.scene_truth(), original.scene_truth()
    assert truth.label_names == expected.label_names
    assert np.allclose(truth.cloud.xyz, expected.cloud.xyz)
    assert np.array_equal(truth.boxes, expected.boxes)


def test_raw_images_lose_nothing(written, tiny_class):
    assert np.array_equal(RosbagSequence(written / "raw_bag")[2].rgb, tiny_class()[2].rgb)


def test_a_single_bag_file_is_read_without_its_metadata(written, tmp_path):
    file = next((written / "bag").glob("*.mcap"))
    shutil.copy(file, tmp_path / "alone.mcap")
    assert len(open_sequence(tmp_path / "alone.mcap")) == 6


def test_writers_refuse_to_overwrite(written, tiny_class):
    with pytest.raises(InputError, match="not empty"):
        write_posed_images(tiny_class(), written / "folder")
    with pytest.raises(InputError, match="exists already"):
        write_bag(tiny_class(), written / "bag")


BAD_FOLDERS = [
    (
        lambda d: [f.unlink() for f in (d / "depth").iterdir()],
        "no usable frame: .*: no depth of 6 of 6 frames",
    ),
    (lambda d: shutil.rmtree(d / "color"), "color: no such folder"),
    (lambda d: (d / "intrinsic.txt").unlink(), r"intrinsic\.txt: cannot be read"),
    (lambda d: (d / "intrinsic.txt").write_text("0 0 0\n0 0 0\n0 0 1"), "focal lengths above 0"),
    (lambda d: (d / "timestamps.txt").write_text("1\n2\n"), "2 stamps for 6 frames"),
    (lambda d: (d / "timestamps.txt").write_text("a b"), "one whole number"),
    (lambda d: (d / "timestamps.txt").write_text("1 2 3 3 4 5"), "line 4 is not later"),
    (
        lambda d: shutil.copy(d / "color" / "3.jpg", d / "color" / "03.png"),
        r"03\.png and 3\.jpg are the same frame",
    ),
]


@pytest.mark.parametrize(("spoil", "message"), BAD_FOLDERS)
def test_a_broken_folder_is_refused_at_once(folder, spoil, message):
    spoil(folder)
    with pytest.raises(InputError, match=message):
        PosedImages(folder)


@pytest.mark.parametrize(
    ("name", "part"), [("depth/3.png", "depth"), ("pose/0.txt", "pose"), ("color/5.jpg", "color")]
)
def test_a_missing_file_costs_one_frame_and_is_named(folder, name, part):
    (folder / name).unlink()
    number = int(name.split("/")[1].split(".")[0])
    sequence = PosedImages(folder)
    assert len(sequence) == 5
    assert sequence.skipped == {"no files": 1}
    assert f"no {part} of 1 of 6 frames ({number})" in sequence.skip_reasons["no files"]
    whole = [0, 1, 2, 3, 4, 5]
    whole.remove(number)
    assert [sequence[i].stamp_ns for i in range(5)] == [100_000_000 * i for i in whole]


def test_names_with_leading_zeros_are_read(folder):
    for name in ("color", "depth", "pose"):
        for file in list((folder / name).iterdir()):
            file.rename(file.with_name(f"{int(file.stem):06d}{file.suffix}"))
    assert PosedImages(folder)[4].depth.shape == (30, 40)


def test_every_second_frame_keeps_its_own_stamp_and_truth(folder):
    every, second = PosedImages(folder), PosedImages(folder, stride=2)
    assert len(second) == 3
    assert [second[i].stamp_ns for i in range(3)] == [every[i].stamp_ns for i in (0, 2, 4)]
    assert np.array_equal(second.truth(1).world_from_camera, every.truth(2).world_from_camera)
    with pytest.raises(InputError, match="stride of 0"):
        PosedImages(folder, stride=0)


def test_a_gap_in_the_numbers_is_counted_and_named(folder):
    for name, ending in (("color", "jpg"), ("depth", "png"), ("pose", "txt")):
        (folder / name / f"2.{ending}").unlink()
    (folder / "timestamps.txt").unlink()
    sequence = PosedImages(folder)
    assert len(sequence) == 5
    assert sequence.skipped == {"no files": 1}
    assert "no files of frames 2" in sequence.skip_reasons["no files"]
    assert sequence[2].stamp_ns == 200_000_000


def test_an_even_step_in_the_numbers_is_no_gap(folder):
    for name in ("color", "depth", "pose"):
        for file in sorted((folder / name).iterdir(), reverse=True):
            file.rename(file.with_name(f"{20 * int(file.stem)}{file.suffix}"))
    assert not PosedImages(folder).skipped


def test_a_calibration_of_larger_images_is_refused(folder):
    np.savetxt(folder / "intrinsic.txt", [[500, 0, 320], [0, 500, 240], [0, 0, 1]])
    with pytest.raises(InputError, match="outside the images of 40x30"):
        PosedImages(folder)[0]


BAD_FILES = [
    ("pose/2.txt", lambda f: np.savetxt(f, np.full((4, 4), np.nan)), "NaN"),
    ("pose/2.txt", lambda f: np.savetxt(f, np.full((4, 4), -np.inf)), "infinite"),
    ("pose/2.txt", lambda f: f.write_text("no numbers"), "as a matrix"),
    ("color/2.jpg", lambda f: f.write_bytes(b"junk"), "as an image"),
    ("depth/2.png", lambda f: cv2.imwrite(str(f), np.zeros((30, 40), np.uint8)), "16-bit"),
    (
        "depth/2.png",
        lambda f: cv2.imwrite(str(f), np.zeros((15, 30), np.uint16)),
        "30x15 but colour is 40x30",
    ),
    ("depth/2.png", lambda f: f.write_bytes(f.read_bytes()[:-40]), "cut off"),
    ("color/2.jpg", lambda f: f.write_bytes(f.read_bytes()[:300]), "cut off"),
    ("color/2.jpg", lambda f: f.write_bytes(b""), "as an image"),
    ("pose/2.txt", lambda f: np.savetxt(f, np.eye(3)), "4x4 numbers, found 3x3"),
]


@pytest.mark.parametrize(("name", "spoil", "message"), BAD_FILES)
def test_a_broken_frame_is_refused_by_name_and_the_others_are_read(folder, name, spoil, message):
    spoil(folder / name)
    sequence = PosedImages(folder)
    with pytest.raises(InputError, match=message) as caught:
        sequence[2]
    assert name in str(caught.value)
    assert len(sequence) == 6
    assert sequence[3].depth.shape == (30, 40)


def test_an_empty_or_missing_source_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such bag or folder"):
        open_sequence(tmp_path / "nowhere")
    for name in ("color", "depth", "pose"):
        (tmp_path / name).mkdir()
    with pytest.raises(InputError, match="no numbered files"):
        open_sequence(tmp_path)


def test_a_truncated_bag_is_refused_with_the_remedy(written, tmp_path):
    file = next((written / "bag").glob("*.mcap"))
    for share in (0.0, 0.3, 0.9):
        cut = tmp_path / "cut.mcap"
        cut.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])
        with pytest.raises(InputError, match=r"cut\.mcap.*(mcap recover|empty)"):
            open_sequence(cut)


def bag_of(path, messages):
    from rosbags.rosbag2 import StoragePlugin, Writer
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_HUMBLE)
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        for topic, kind in messages:
            writer.add_connection(topic, kind, typestore=store)
    return path


def test_an_empty_bag_is_refused(tmp_path):
    with pytest.raises(InputError, match="empty"):
        open_sequence(bag_of(tmp_path / "bag", [("/tf", "tf2_msgs/msg/TFMessage")]))


def test_an_unknown_target_frame_is_refused_with_the_known_ones(written):
    with pytest.raises(InputError, match=r"'moon' is not in TF .known: base_link"):
        RosbagSequence(written / "bag", SourceOptions(target_frame="moon"))


def test_frames_without_a_pose_are_left_out_and_counted(tmp_path, tiny_class):
    class Late(tiny_class):
        def pose(self, index):
            return tiny_class.pose(self, index) if index < 4 else np.full((4, 4), np.nan)

    write_bag(Late(), tmp_path / "bag")
    sequence = RosbagSequence(tmp_path / "bag")
    assert len(sequence) == 4
    assert sequence.skipped == {"no pose": 2}
    assert "after the last" in sequence.skip_reasons["no pose"]


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (
            {
                "/camera/camera/color/image_raw": IMAGE,
                "/camera/camera/aligned_depth_to_color/image_raw": IMAGE,
                "/camera/camera/depth/image_rect_raw": IMAGE,
                "/camera/camera/infra1/image_rect_raw": IMAGE,
                "/camera/camera/color/camera_info": INFO,
                "/camera/camera/depth/camera_info": INFO,
            },
            BagTopics(
                "/camera/camera/color/image_raw",
                "/camera/camera/aligned_depth_to_color/image_raw",
                "/camera/camera/color/camera_info",
            ),
        ),
        (
            {
                "/zed/zed_node/rgb/image_rect_color": IMAGE,
                "/zed/zed_node/rgb/image_rect_color/compressed": COMPRESSED,
                "/zed/zed_node/depth/depth_registered": IMAGE,
                "/zed/zed_node/rgb/camera_info": INFO,
                "/zed/zed_node/depth/camera_info": INFO,
            },
            BagTopics(
                "/zed/zed_node/rgb/image_rect_color",
                "/zed/zed_node/depth/depth_registered",
                "/zed/zed_node/rgb/camera_info",
                "/zed/zed_node/depth/camera_info",
            ),
        ),
    ],
)
def test_the_topics_of_common_cameras_are_found(kinds, expected):
    assert find_topics(kinds, "bag") == expected


def test_topics_that_are_missing_or_ambiguous_are_listed():
    two = {
        "/a/color/image": IMAGE,
        "/b/color/image": IMAGE,
        "/a/depth/image": IMAGE,
        "/a/color/camera_info": INFO,
    }
    with pytest.raises(
        InputError, match=r"more than one colour image topic \(/a/color/image, /b/color/image\)"
    ):
        find_topics(two, "bag")
    assert find_topics(two, "bag", color="/a/color/image").info == "/a/color/camera_info"
    with pytest.raises(InputError, match="no depth image topic"):
        find_topics({"/a/color/image": IMAGE}, "bag")
    with pytest.raises(InputError, match="no topic /x; the bag has /a"):
        find_topics(two, "bag", color="/x")
