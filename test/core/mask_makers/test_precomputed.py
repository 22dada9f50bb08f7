import dataclasses

import cv2
import numpy as np
import pytest

from autoseg3d_core.mask_makers.precomputed import LabelImageFolder, PrecomputedMaskMaker
from autoseg3d_core.structures import CameraIntrinsics, Frame, InputError

LABELS = np.array([[0, 0, 7], [300, 300, 7]], np.uint16)


def frame(stamp_ns, shape=(2, 3), number=None):
    camera = CameraIntrinsics(10.0, 10.0, 1.0, 1.0, shape[1], shape[0])
    return Frame(
        np.zeros((*shape, 3), np.uint8),
        np.ones(shape, np.float32),
        camera,
        np.eye(4),
        stamp_ns,
        number=number,
    )


def write(path, labels):
    if path.suffix == ".npy":
        np.save(path, labels)
    else:
        cv2.imwrite(str(path), labels)


@pytest.mark.parametrize("ending", [".png", ".npy"])
def test_each_value_but_the_void_one_is_a_mask(tmp_path, ending):
    write(tmp_path / f"123{ending}", LABELS)
    masks = PrecomputedMaskMaker(LabelImageFolder(tmp_path))(frame(123))
    assert masks.index.tolist() == [[-1, -1, 0], [1, 1, 0]]
    assert masks.score.tolist() == [1, 1]


def test_another_void_value_can_be_named(tmp_path):
    write(tmp_path / "123.png", LABELS)
    masks = PrecomputedMaskMaker(LabelImageFolder(tmp_path), void=300)(frame(123))
    assert masks.index.tolist() == [[0, 0, 1], [-1, -1, 1]]


def test_numbered_files_are_those_of_the_frames_places_whichever_are_asked_for(tmp_path):
    for number in range(5):
        write(tmp_path / f"{number:06d}.npy", np.full((2, 3), number))
    folder = LabelImageFolder(tmp_path)
    found = [int(folder.label_image(frame(9 * n, number=n))[0, 0]) for n in (0, 2, 4, 2)]
    assert found == [0, 2, 4, 2]
    with pytest.raises(InputError, match="frame number 5"):
        folder.label_image(frame(99, number=5))


def test_numbered_files_are_refused_for_a_live_camera_with_the_way_out(tmp_path):
    write(tmp_path / "0.npy", LABELS)
    with pytest.raises(InputError, match=r"recordings only[^$]*STAMP_NS"):
        PrecomputedMaskMaker(LabelImageFolder(tmp_path))(frame(123))


def test_a_folder_that_is_not_there_is_named():
    with pytest.raises(InputError, match="nowhere"):
        LabelImageFolder("nowhere")


def test_a_folder_without_label_images_says_what_it_should_hold(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(InputError, match="STAMP_NS"):
        LabelImageFolder(tmp_path)


def test_a_missing_stamp_is_named(tmp_path):
    write(tmp_path / "123.png", LABELS)
    with pytest.raises(InputError, match="stamp 124"):
        LabelImageFolder(tmp_path).label_image(frame(124))


def test_a_label_image_of_another_size_is_refused(tmp_path):
    write(tmp_path / "123.png", LABELS)
    with pytest.raises(InputError, match="3x2 but the frame is 5x4"):
        PrecomputedMaskMaker(LabelImageFolder(tmp_path))(frame(123, (4, 5)))


@pytest.mark.parametrize(
    ("name", "data"), [("5.png", b"not a picture"), ("5.npy", b"not an array"), ("5.npy", b"")]
)
def test_a_broken_file_is_named(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=name):
        LabelImageFolder(tmp_path).label_image(frame(5))


def test_a_colour_picture_is_no_label_image(tmp_path):
    write(tmp_path / "5.png", np.zeros((2, 3, 3), np.uint8))
    with pytest.raises(InputError, match="one per pixel"):
        LabelImageFolder(tmp_path).label_image(frame(5))


def test_label_images_that_come_with_the_frames_need_no_folder():
    masks = PrecomputedMaskMaker(None)(dataclasses.replace(frame(5), label_image=LABELS.astype(np.int32)))
    assert masks.index.tolist() == [[-1, -1, 0], [1, 1, 0]]


def test_a_frame_without_a_label_image_says_where_one_may_come_from():
    with pytest.raises(InputError, match=r"topics\.masks"):
        PrecomputedMaskMaker(None)(frame(5))
