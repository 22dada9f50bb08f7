"""Structures -> messages: the layouts of docs/ros_interface.md, field by field.

Pure functions. Values are cast with `float()` and `int()` because recent ROS does not check fields: a NumPy
scalar in a message is sent as garbage.
"""

from __future__ import annotations

import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from autoseg3d.msg import FrameStatus, InstanceEvent
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Pose, Quaternion
from jaxtyping import Float64, Int32, Int64, UInt8
from sensor_msgs.msg import CompressedImage, Image, PointCloud2, PointField
from std_msgs.msg import Header

from autoseg3d_core import timing
from autoseg3d_core.geometry.transforms import quaternion_from_rotation
from autoseg3d_core.structures import Event, LabelledCloud, TrackTable
from autoseg3d_ros.memory_use import gpu_bytes
from autoseg3d_ros.outcomes import FrameReport

UNLABELLED_CLASS = 65535
POINT = np.dtype(
    [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("rgb", "<u4"), ("instance", "<u4"), ("label", "<u4")]
)
"""One point of ~/points; `rgb` is 0x00RRGGBB whose bits travel as a FLOAT32."""

STATUS_STAGES = {
    "masks2d_ms": (timing.MASK,),
    "lift_ms": (timing.LIFT,),
    "backbone_ms": (timing.ENCODE,),
    "decoder_ms": (timing.PERCEIVE,),
    "tracker_ms": (timing.CORRECT, *timing.STAGES[timing.STAGES.index(timing.ASSOCIATE) :]),
}
"""Which of the core's stages make up which field of FrameStatus."""

_FLOAT32, _UINT32 = PointField.FLOAT32, PointField.UINT32
POINT_FIELDS = [
    PointField(name=name, offset=4 * index, datatype=kind, count=1)
    for index, (name, kind) in enumerate(
        [
            ("x", _FLOAT32),
            ("y", _FLOAT32),
            ("z", _FLOAT32),
            ("rgb", _FLOAT32),
            ("instance", _UINT32),
            ("label", _UINT32),
        ]
    )
]


@dataclass(frozen=True)
class Occasion:
    """What all messages about one frame share."""

    stamp_ns: int
    target_frame: str
    camera_frame: str
    epoch: int
    frame_index: int

    def in_world(self) -> Header:
        """Return the header of what is measured in the target frame."""
        return Header(stamp=stamp_from_ns(self.stamp_ns), frame_id=self.target_frame)

    def in_camera(self) -> Header:
        """Return the header of what is measured in the camera's optical frame."""
        return Header(stamp=stamp_from_ns(self.stamp_ns), frame_id=self.camera_frame)


def stamp_from_ns(stamp_ns: int) -> Time:
    """Return nanoseconds as a builtin_interfaces Time."""
    seconds, nanoseconds = divmod(int(stamp_ns), 1_000_000_000)
    return Time(sec=seconds, nanosec=nanoseconds)


def byte_array(values: np.ndarray) -> array.array:
    """Return an array's bytes in the one type that messages take without looking at each element."""
    result = array.array("B")
    result.frombytes(np.ascontiguousarray(values).data.cast("B"))
    return result


def class_ids(labels: Int64[np.ndarray, " rows"]) -> Int64[np.ndarray, " rows"]:
    """Return labels as LabelInfo counts them: 65535 where there is none."""
    return np.where(labels < 0, UNLABELLED_CLASS, labels)


def name_of(class_id: int, names: Sequence[str]) -> str:
    """Return the name of a class, empty for none."""
    return names[class_id] if class_id < len(names) else ""


def point_cloud(header: Header, cloud: LabelledCloud, rgb: UInt8[np.ndarray, "points 3"]) -> PointCloud2:
    """Return a labelled cloud of 24-byte points with the given colours."""
    points = np.empty(len(cloud), POINT)
    points["x"], points["y"], points["z"] = cloud.xyz.T
    red, green, blue = rgb.T.astype(np.uint32)
    points["rgb"] = red << 16 | green << 8 | blue
    points["instance"] = cloud.ids
    points["label"] = class_ids(cloud.labels)
    return PointCloud2(
        header=header,
        height=1,
        width=len(cloud),
        fields=POINT_FIELDS,
        is_bigendian=False,
        point_step=POINT.itemsize,
        row_step=POINT.itemsize * len(cloud),
        data=byte_array(points.view(np.uint8)),
        is_dense=True,
    )


def points_of(message: PointCloud2) -> np.ndarray:
    """Return the points of such a cloud as a structured array, without a copy."""
    return np.frombuffer(message.data, POINT)


def image_message(header: Header, encoding: str, pixels: np.ndarray) -> Image:
    """Return an image of contiguous rows."""
    height, width = pixels.shape[:2]
    return Image(
        header=header,
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=0,
        step=pixels.nbytes // height if height else 0,
        data=byte_array(pixels),
    )


def jpeg_message(header: Header, rgb: UInt8[np.ndarray, "height width 3"]) -> CompressedImage:
    """Return an RGB picture as JPEG."""
    done, packed = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    assert done, "JPEG takes every picture of 8 bits"
    return CompressedImage(header=header, format="rgb8; jpeg compressed bgr8", data=byte_array(packed))


def label_image(
    header: Header, ids: Int32[np.ndarray, "height width"], tracks: TrackTable, style: str
) -> Image:
    """Return the track id per pixel; `hydra_packed` has the class above the lower 16 bits of the id."""
    if style == "hydra_packed":
        rows = np.searchsorted(tracks.ids, ids)
        labels = np.append(class_ids(tracks.labels), UNLABELLED_CLASS)[np.minimum(rows, len(tracks))]
        ids = (labels.astype(np.uint32) << 16 | (ids & 0xFFFF).astype(np.uint32)).view(np.int32)
    return image_message(header, "32SC1", ids)


def pose_message(pose: Float64[np.ndarray, "4 4"]) -> Pose:
    """Return a rigid transform as a Pose."""
    x, y, z, w = map(float, quaternion_from_rotation(pose[:3, :3]))
    return Pose(position=point(pose[:3, 3]), orientation=Quaternion(x=x, y=y, z=z, w=w))


def point(xyz: Sequence[float] | np.ndarray) -> Point:
    """Return three numbers as a Point."""
    return Point(x=float(xyz[0]), y=float(xyz[1]), z=float(xyz[2]))


def event_message(occasion: Occasion, event: Event) -> InstanceEvent:
    """Return one event of one track."""
    return InstanceEvent(
        header=occasion.in_world(),
        epoch=occasion.epoch,
        type=int(event.kind),
        track_id=int(event.track_id),
        other_id=int(event.other_id),
        reason=event.reason,
    )


def status_message(report: FrameReport, dropped_total: int) -> FrameStatus:
    """Return what became of one frame."""
    allocated, reserved = gpu_bytes()
    stages = {
        name: float(sum(report.stages_ms.get(stage, 0.0) for stage in parts))
        for name, parts in STATUS_STAGES.items()
    }
    return FrameStatus(
        header=Header(stamp=stamp_from_ns(report.stamp_ns), frame_id=report.camera_frame),
        outcome=int(report.outcome),
        input_age_ms=float(report.input_age_ms),
        output_age_ms=float(report.output_age_ms),
        tf_wait_ms=float(report.tf_wait_ms),
        decode_ms=float(report.decode_ms),
        publish_ms=float(report.publish_ms),
        points_in=int(report.points),
        masks_2d=int(report.masks),
        instances_observed=int(report.instances_observed),
        instances_in_memory=int(report.instances_in_memory),
        gpu_allocated_bytes=int(allocated),
        gpu_reserved_bytes=int(reserved),
        dropped_total=int(dropped_total),
        **stages,
    )


def label_info(header: Header, names: Sequence[str]) -> Any:
    """Return the class ids and names as vision_msgs LabelInfo; empty for a class-agnostic model."""
    from vision_msgs.msg import LabelInfo, VisionClass

    classes = [VisionClass(class_id=index, class_name=name) for index, name in enumerate(names)]
    return LabelInfo(header=header, class_map=classes, threshold=0.0)
