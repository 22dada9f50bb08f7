"""Messages -> structures: images, calibration and transforms as the core wants them, checked on the way.

Pure functions. Every error is an `InputError` that names the topic and says what to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64, Int32, UInt8

from autoseg3d_core import image_formats
from autoseg3d_core.datasets import image_messages
from autoseg3d_core.geometry import calibration
from autoseg3d_core.geometry.registration import registered
from autoseg3d_core.geometry.transforms import is_rigid, pose_from_quaternion
from autoseg3d_core.structures import CameraIntrinsics, Frame, InputError

ALIGNMENT_ADVICE = (
    "depth must be registered to the colour camera: realsense2_camera align_depth.enable:=true and the topic "
    "aligned_depth_to_color/image_raw; orbbec_camera depth_registration:=true; depthai_ros_driver "
    "stereo.i_align_depth: true; zed_wrapper depth/depth_registered; other drivers: depth_image_proc register"
)


@dataclass(frozen=True, eq=False)
class DepthCamera:
    """A depth camera: its calibration (a CameraInfo and its topic), and its place beside colour's."""

    info: Any
    color_from_depth: Float64[np.ndarray, "4 4"]
    topic: str


@dataclass(frozen=True, eq=False)
class CameraMessages:
    """One colour image, depth image, calibration, and perhaps label image, still as messages.

    With a `depth_camera` the depth image is that camera's; without one it is registered to colour.
    """

    color: Any
    depth: Any
    info: Any
    masks: Any = None
    depth_camera: DepthCamera | None = None

    @property
    def stamp_ns(self) -> int:
        """The stamp of the colour image; it is the stamp of all outputs."""
        return stamp_to_ns(self.color.header.stamp)


@dataclass(frozen=True)
class TopicNames:
    """The topics as messages of errors should call them."""

    color: str
    depth: str
    camera_info: str
    masks: str = ""


def stamp_to_ns(stamp: Any) -> int:
    """Return a builtin_interfaces Time as nanoseconds."""
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def frame_from_messages(
    messages: CameraMessages,
    world_from_camera: Float64[np.ndarray, "4 4"],
    names: TopicNames,
    depth_scale: float = 0.0,
) -> Frame:
    """Decode one set of messages; raises `InputError` when it cannot be used."""
    check_pose(world_from_camera, messages.color.header.frame_id)
    camera, distortion = intrinsics(messages.info, names.camera_info)
    rgb = decode_color(messages.color, names.color)
    depth = decode_depth(messages.depth, names.depth, depth_scale)
    check_color_size(rgb, camera, names)
    labels = None if messages.masks is None else decode_labels(messages.masks, names.masks, rgb.shape[:2])
    if messages.depth_camera is None:
        check_depth_size(rgb, depth, names)
    else:
        depth = seen_by_color(depth, names.depth, messages.depth_camera, camera)
    if distortion is not None:
        rgb, straight = calibration.undistort(rgb, depth, camera, distortion)
        depth = straight if messages.depth_camera is None else depth
        labels = labels if labels is None else calibration.undistort_labels(labels, camera, distortion)
    # A view of the message would be read-only, and gone with it.
    rgb = rgb if rgb.flags.writeable else rgb.copy()
    return Frame(rgb, depth, camera, world_from_camera, messages.stamp_ns, labels)


def decode_color(message: Any, topic: str) -> UInt8[np.ndarray, "height width 3"]:
    """Return an Image or CompressedImage as RGB."""
    with _naming(topic):
        return image_messages.color_of(message)


def decode_depth(message: Any, topic: str, scale: float = 0.0) -> Float32[np.ndarray, "height width"]:
    """Return a depth Image or compressedDepth as metres, 0 where unknown."""
    with _naming(topic):
        return image_messages.depth_of(message, scale or None)


def decode_labels(message: Any, topic: str, shape: tuple[int, ...]) -> Int32[np.ndarray, "height width"]:
    """Return an Image of whole numbers as label image."""
    with _naming(topic):
        labels = image_messages.labels_of(message)
    if labels.shape != shape:
        raise InputError(
            f"{topic} is {labels.shape[1]}x{labels.shape[0]} but the images are {shape[1]}x{shape[0]}: "
            "publish masks at the colour image's size"
        )
    return labels


def intrinsics(info: Any, topic: str) -> tuple[CameraIntrinsics, Any]:
    """Return the pinhole camera of a CameraInfo and its lens distortion, None where rectified."""
    with _naming(topic):
        return image_messages.camera_of(info)


@contextmanager
def _naming(topic: str) -> Iterator[None]:
    """Let an error about a message begin with its topic."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{topic}: {error}") from error


def check_depth_size(rgb: np.ndarray, depth: np.ndarray, names: TopicNames) -> None:
    """Raise `InputError` when a registered depth image is not of the colour image's size."""
    if depth.shape != rgb.shape[:2]:
        raise InputError(
            f"{names.depth} is {depth.shape[1]}x{depth.shape[0]} but {names.color} is "
            f"{rgb.shape[1]}x{rgb.shape[0]}: {ALIGNMENT_ADVICE}"
        )


def check_color_size(rgb: np.ndarray, camera: CameraIntrinsics, names: TopicNames) -> None:
    """Raise `InputError` when the calibration is not of the colour image's size."""
    if (camera.width, camera.height) != rgb.shape[1::-1]:
        raise InputError(
            f"{names.camera_info} describes {camera.width}x{camera.height} but {names.color} is "
            f"{rgb.shape[1]}x{rgb.shape[0]}: remap it to the camera_info that belongs to that image"
        )


def seen_by_color(
    depth: Float32[np.ndarray, "rows columns"],
    topic: str,
    depth_camera: DepthCamera,
    camera: CameraIntrinsics,
) -> Float32[np.ndarray, "height width"]:
    """Return the depth image of a camera of its own as the colour camera, without distortion, sees it."""
    own, distortion = intrinsics(depth_camera.info, depth_camera.topic)
    if (own.width, own.height) != depth.shape[::-1]:
        raise InputError(
            f"{depth_camera.topic} describes {own.width}x{own.height} but {topic} is "
            f"{depth.shape[1]}x{depth.shape[0]}: set topics.depth_camera_info to that image's calibration"
        )
    if distortion is not None:
        _, depth = calibration.undistort(np.zeros((*depth.shape, 3), np.uint8), depth, own, distortion)
    return registered(depth, own, camera, depth_camera.color_from_depth)


def metres_per_unit(message: Any, scale: float) -> float:
    """Return the metres per unit with which a depth image is read; `scale` 0 takes the encoding's."""
    if scale:
        return scale
    encoding = message.format.split(";")[0].strip() if hasattr(message, "format") else message.encoding
    return image_formats.DEPTH_ENCODINGS[encoding][1]


def check_pose(world_from_camera: Float64[np.ndarray, "4 4"], camera_frame: str) -> None:
    """Raise `InputError` for a pose that is not finite or not a rigid motion."""
    if not is_rigid(world_from_camera):
        raise InputError(
            f"TF: the pose of {camera_frame!r} is not finite or not a rotation and translation: "
            "check the node that publishes it (ros2 run tf2_ros tf2_echo)"
        )


def pose_from_transform(transform: Any) -> Float64[np.ndarray, "4 4"]:
    """Return a geometry_msgs Transform as a matrix; not finite where its quaternion is not."""
    at, turn = transform.translation, transform.rotation
    quaternion = np.array([turn.x, turn.y, turn.z, turn.w])
    if not np.isfinite(quaternion).all() or np.linalg.norm(quaternion) < 1e-6:
        return np.full((4, 4), np.nan)
    return pose_from_quaternion(np.array([at.x, at.y, at.z]), quaternion)
