"""A tiny sequence with a known answer, and bags made from it."""

import numpy as np
import pytest

from autoseg3d_core.datasets.write_bag import write_bag
from autoseg3d_core.geometry.transforms import pose_from_quaternion
from autoseg3d_core.structures import CameraIntrinsics, Frame, FrameTruth, LabelledCloud, SceneTruth

CAMERA = CameraIntrinsics(50.0, 52.0, 19.5, 14.5, 40, 30)


class Tiny:
    """Six frames of a gradient, on a camera that moves and turns."""

    name = "tiny"

    def __len__(self):
        return 6

    def pose(self, index):
        half = 0.1 * index
        turn = np.array([0, 0, np.sin(half), np.cos(half)])
        return pose_from_quaternion(np.array([0.1 * index, 0.2, 1.0]), turn)

    def __getitem__(self, index):
        rows, columns = np.mgrid[:30, :40]
        rgb = np.stack([rows * 8, columns * 6, np.full_like(rows, 10 * index)], axis=2).astype(np.uint8)
        depth = ((1000 + rows * 10 + index) / 1000).astype(np.float32)
        depth[:3] = 0
        return Frame(rgb, depth, CAMERA, self.pose(index), index * 100_000_000)

    def truth(self, index):
        ids = np.arange(1200, dtype=np.int32).reshape(30, 40)
        return FrameTruth(ids % 7, ids % 11, self.pose(index))

    def scene_truth(self):
        cloud = LabelledCloud(
            np.array([[1, 2, 3], [-4, 5, 6]], np.float32),
            np.zeros((2, 3), np.uint8),
            np.array([1, 0]),
            np.array([2, -1]),
        )
        box = np.array([[0, 0, 0, 1, 1, 1]], np.float32)
        return SceneTruth(cloud, np.array([1]), np.array([2]), box, ("chair", "table", "bed"))


@pytest.fixture(scope="session")
def tiny_class():
    return Tiny


@pytest.fixture(scope="session")
def tiny_bag(tmp_path_factory):
    path = tmp_path_factory.mktemp("tiny") / "bag"
    write_bag(Tiny(), path)
    return path


@pytest.fixture
def rewritten(tiny_bag, tmp_path):
    """Return a function that copies the tiny bag, changing or dropping (None) each topic and message."""
    from rosbags.highlevel import AnyReader
    from rosbags.rosbag2 import StoragePlugin, Writer
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_HUMBLE)

    def copy(change=lambda topic, message: (topic, message), sqlite=False, name="copy", more=()):
        plugin = StoragePlugin.SQLITE3 if sqlite else StoragePlugin.MCAP
        with (
            AnyReader([tiny_bag]) as reader,
            Writer(tmp_path / name, version=9, storage_plugin=plugin) as writer,
        ):
            connections = {t: writer.add_connection(t, kind, typestore=store) for t, kind in more}
            for connection, recorded, data in reader.messages():
                changed = change(connection.topic, reader.deserialize(data, connection.msgtype))
                if changed is None:
                    continue
                topic, message = changed
                kind = message.__msgtype__
                if topic not in connections:
                    connections[topic] = writer.add_connection(topic, kind, typestore=store)
                writer.write(connections[topic], recorded, store.serialize_cdr(message, kind))
        return tmp_path / name

    return copy
