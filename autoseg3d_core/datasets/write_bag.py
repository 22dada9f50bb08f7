"""Writes a sequence as a rosbag2 recording (MCAP) of a RealSense-like camera on a moving base."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from autoseg3d_core.datasets.sequence import RgbdSequence
from autoseg3d_core.datasets.truth_file import save_scene_truth
from autoseg3d_core.geometry.transforms import (
    inverse_rigid,
    is_rigid,
    pose_from_quaternion,
    quaternion_from_rotation,
)
from autoseg3d_core.image_formats import encode_compressed_depth
from autoseg3d_core.structures import CameraIntrinsics, Frame, InputError

CAMERA = "/camera"
WORLD, BASE, OPTICAL = "odom", "base_link", "camera_color_optical_frame"
BASE_FROM_OPTICAL = pose_from_quaternion(np.array([0.0, 0.0, 1.0]), np.array([-0.5, 0.5, -0.5, 0.5]))
"""The optical axes (x right, y down, z forward) on a base with x forward and z up, 1 m above it."""
JPEG_QUALITY = 85
EPOCH_NS = 1_700_000_000_000_000_000
"""Stamps that are not of this century count from here, so that none is zero."""
THIS_CENTURY_NS = 946_684_800_000_000_000
STAMPS_PER_POSE = 3


class RecordedBag:
    """A sink that records frames, with their truth where the sequence knows it.

    It writes colour, depth, camera info and TF; `raw` leaves images uncompressed. `close` finishes the bag,
    with the scene's truth as `truth.npz` in its folder. Raises `InputError` when the folder exists.
    """

    def __init__(self, sequence: RgbdSequence, folder: str | Path, raw: bool = False) -> None:
        try:
            from rosbags.rosbag2 import StoragePlugin, Writer

            from autoseg3d_core.datasets.bag_qos import BAG_VERSION
        except ImportError as error:
            raise InputError("writing bags needs the package rosbags: pip install rosbags") from error
        self._sequence, self._folder, self._raw = sequence, Path(folder), raw
        if self._folder.exists():
            raise InputError(f"{folder} exists already: name another folder, or delete it")
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        self._writer = Writer(self._folder, version=BAG_VERSION, storage_plugin=StoragePlugin.MCAP)
        self._writer.open()
        self._bag = _Bag(self._writer)
        self._shift_ns = 0
        self._previous: Frame | None = None

    def take(self, index: int, frame: Frame, made: object = None) -> None:
        """Record one frame, with the poses that lead up to it."""
        bag, truth = self._bag, self._sequence.truth(index)
        if self._previous is None:
            self._shift_ns = EPOCH_NS if frame.stamp_ns < THIS_CENTURY_NS else 0
            begin = frame.stamp_ns + self._shift_ns
            bag.write("/tf_static", begin, bag.transforms([(BASE, OPTICAL, begin, BASE_FROM_OPTICAL)]))
        frame = dataclasses.replace(frame, stamp_ns=frame.stamp_ns + self._shift_ns)
        for stamp, pose in _poses_between(self._previous, frame):
            base = pose @ inverse_rigid(BASE_FROM_OPTICAL)
            bag.write("/tf", stamp, bag.transforms([(WORLD, BASE, stamp, base)]))
        bag.write_frame(frame, self._raw)
        if truth is not None:
            bag.write_ids("/truth/instance/compressed", frame.stamp_ns, truth.instance)
            bag.write_ids("/truth/part/compressed", frame.stamp_ns, truth.part)
        self._previous = frame

    def close(self) -> None:
        """Finish the bag, and write the truth of the scene where known."""
        self._writer.close()
        scene = self._sequence.scene_truth()
        if scene is not None:
            save_scene_truth(self._folder / "truth.npz", scene)


class _Bag:
    """Builds messages and writes each to its topic."""

    def __init__(self, writer: Any) -> None:
        from rosbags.typesys import Stores, get_typestore

        self._writer, self._store = writer, get_typestore(Stores.ROS2_HUMBLE)
        self._connections: dict[str, Any] = {}

    def make(self, kind: str, **fields: Any) -> Any:
        """Return a message such as `sensor_msgs/msg/Image`."""
        return self._store.types[kind](**fields)

    def write(self, topic: str, stamp_ns: int, message: Any) -> None:
        """Write a message at a time."""
        from autoseg3d_core.datasets.bag_qos import LATCHED, offered_qos

        kind = message.__msgtype__
        if topic not in self._connections:
            offered = [offered_qos(topic in LATCHED)]
            self._connections[topic] = self._writer.add_connection(
                topic, kind, typestore=self._store, offered_qos_profiles=offered
            )
        self._writer.write(self._connections[topic], stamp_ns, self._store.serialize_cdr(message, kind))

    def header(self, stamp_ns: int, frame: str) -> Any:
        """Return a header."""
        seconds, nanoseconds = divmod(stamp_ns, 1_000_000_000)
        stamp = self.make("builtin_interfaces/msg/Time", sec=seconds, nanosec=nanoseconds)
        return self.make("std_msgs/msg/Header", stamp=stamp, frame_id=frame)

    def transforms(self, rows: list[tuple[str, str, int, np.ndarray]]) -> Any:
        """Return a TFMessage of (parent, child, stamp, parent_from_child)."""
        messages = []
        for parent, child, stamp_ns, pose in rows:
            x, y, z = (float(v) for v in pose[:3, 3])
            qx, qy, qz, qw = (float(v) for v in quaternion_from_rotation(pose[:3, :3]))
            transform = self.make(
                "geometry_msgs/msg/Transform",
                translation=self.make("geometry_msgs/msg/Vector3", x=x, y=y, z=z),
                rotation=self.make("geometry_msgs/msg/Quaternion", x=qx, y=qy, z=qz, w=qw),
            )
            messages.append(
                self.make(
                    "geometry_msgs/msg/TransformStamped",
                    header=self.header(stamp_ns, parent),
                    child_frame_id=child,
                    transform=transform,
                )
            )
        return self.make("tf2_msgs/msg/TFMessage", transforms=messages)

    def write_frame(self, frame: Frame, raw: bool) -> None:
        """Write colour, depth and calibration of a frame."""
        stamp = frame.stamp_ns
        header = self.header(stamp, OPTICAL)
        millimetres = np.clip(np.round(frame.depth * 1000), 0, 65535).astype(np.uint16)
        color, depth = f"{CAMERA}/color/image_raw", f"{CAMERA}/depth/image_raw"
        if raw:
            self.write(color, stamp, self._image(header, "rgb8", frame.rgb))
            self.write(depth, stamp, self._image(header, "16UC1", millimetres))
        else:
            bgr = cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2BGR)
            jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
            png = encode_compressed_depth(millimetres)
            kind = "16UC1; compressedDepth png"
            self.write(
                f"{color}/compressed", stamp, self._compressed(header, "rgb8; jpeg compressed bgr8", jpeg)
            )
            self.write(f"{depth}/compressedDepth", stamp, self._compressed(header, kind, png))
        self.write(f"{CAMERA}/color/camera_info", stamp, self._camera_info(header, frame.camera))

    def write_ids(self, topic: str, stamp_ns: int, ids: np.ndarray) -> None:
        """Write an image of ids as a 16-bit PNG."""
        png = cv2.imencode(".png", ids.astype(np.uint16), [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes()
        self.write(topic, stamp_ns, self._compressed(self.header(stamp_ns, OPTICAL), "png", png))

    def _image(self, header: Any, encoding: str, pixels: np.ndarray) -> Any:
        data = np.ascontiguousarray(pixels).view(np.uint8).ravel()
        height, width = pixels.shape[:2]
        return self.make(
            "sensor_msgs/msg/Image",
            header=header,
            height=height,
            width=width,
            encoding=encoding,
            is_bigendian=0,
            step=len(data) // height,
            data=data,
        )

    def _compressed(self, header: Any, kind: str, data: bytes) -> Any:
        return self.make(
            "sensor_msgs/msg/CompressedImage", header=header, format=kind, data=np.frombuffer(data, np.uint8)
        )

    def _camera_info(self, header: Any, camera: CameraIntrinsics) -> Any:
        fx, fy, cx, cy = camera.fx, camera.fy, camera.cx, camera.cy
        roi = self.make(
            "sensor_msgs/msg/RegionOfInterest", x_offset=0, y_offset=0, height=0, width=0, do_rectify=False
        )
        return self.make(
            "sensor_msgs/msg/CameraInfo",
            header=header,
            height=camera.height,
            width=camera.width,
            distortion_model="plumb_bob",
            d=np.zeros(5),
            k=np.array([fx, 0, cx, 0, fy, cy, 0, 0, 1.0]),
            r=np.eye(3).ravel(),
            p=np.array([fx, 0, cx, 0, 0, fy, cy, 0, 0, 0, 1.0, 0]),
            binning_x=0,
            binning_y=0,
            roi=roi,
        )


def _poses_between(previous: Frame | None, frame: Frame) -> Iterator[tuple[int, np.ndarray]]:
    """Return stamps and poses that lead up to a frame's own, as a faster odometry would give.

    There are none for a frame whose pose is not known.
    """
    if not is_rigid(frame.world_from_camera):
        return
    if previous is not None and is_rigid(previous.world_from_camera):
        ends = [previous.world_from_camera, frame.world_from_camera]
        turn = Slerp([0.0, 1.0], Rotation.from_matrix(np.stack([e[:3, :3] for e in ends])))
        for step in range(1, STAMPS_PER_POSE):
            share = step / STAMPS_PER_POSE
            stamp = round((1 - share) * previous.stamp_ns + share * frame.stamp_ns)
            pose = np.eye(4)
            pose[:3, :3] = turn(share).as_matrix()
            pose[:3, 3] = (1 - share) * ends[0][:3, 3] + share * ends[1][:3, 3]
            yield stamp, pose
    yield frame.stamp_ns, frame.world_from_camera
