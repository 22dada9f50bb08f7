"""Messages -> structures: images, calibration and transforms as the core wants them, checked on the way.

Pure functions. Every error is an `InputError` that names the topic and says what to do.
"""

from __future__ import annotations

import sys
from array import array
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64, Int32, UInt8

from autoseg3d_core import image_formats
from autoseg3d_core.geometry import calibration
from autoseg3d_core.geometry.transforms import is_rigid, pose_from_quaternion
from autoseg3d_core.structures import CameraIntrinsics, Frame, InputError

EXOTIC_ENCODINGS = ("bayer_", "yuv", "yuyv", "uyvy", "nv")
OLDER_NAMES = {"yuyv": "yuv422_yuy2", "uyvy": "yuv422"}
PLAUSIBLE_DEPTH_M = (0.05, 50.0)
ALIGNMENT_ADVICE = (
    "depth must be registered to the colour camera: realsense2_camera align_depth.enable:=true and the topic "
    "aligned_depth_to_color/image_raw; orbbec_camera depth_registration:=true; depthai_ros_driver "
    "stereo.i_align_depth: true; zed_wrapper depth/depth_registered; other drivers: depth_image_proc register"
)


@dataclass(frozen=True, eq=False)
class CameraMessages:
    """One colour image, depth image, calibration, and perhaps label image, still as messages."""

    color: Any
    depth: Any
    info: Any
    masks: Any = None

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
    check_sizes(rgb, depth, camera, names)
    labels = None if messages.masks is None else decode_labels(messages.masks, names.masks, depth.shape)
    if distortion is not None:
        rgb, depth = calibration.undistort(rgb, depth, camera, distortion)
        labels = labels if labels is None else calibration.undistort_labels(labels, camera, distortion)
    # A view of the message would be read-only, and gone with it.
    rgb = rgb if rgb.flags.writeable else rgb.copy()
    return Frame(rgb, depth, camera, world_from_camera, messages.stamp_ns, labels)


def decode_color(message: Any, topic: str) -> UInt8[np.ndarray, "height width 3"]:
    """Return an Image or CompressedImage as RGB."""
    try:
        if hasattr(message, "format"):
            return image_formats.decode_compressed_color(message.data)
        if message.encoding.startswith(EXOTIC_ENCODINGS):
            return decode_with_cv_bridge(message)
        return image_formats.decode_color(
            message.encoding,
            message.height,
            message.width,
            message.step,
            message.is_bigendian,
            message.data,
        )
    except InputError as error:
        raise InputError(f"{topic}: {error}") from error


def decode_depth(message: Any, topic: str, scale: float = 0.0) -> Float32[np.ndarray, "height width"]:
    """Return a depth Image or compressedDepth as metres, 0 where unknown."""
    try:
        if hasattr(message, "format"):
            return image_formats.decode_compressed_depth(message.format, message.data, scale or None)
        return image_formats.decode_depth(
            message.encoding,
            message.height,
            message.width,
            message.step,
            message.is_bigendian,
            message.data,
            scale or None,
        )
    except InputError as error:
        raise InputError(f"{topic}: {error}") from error


def decode_labels(message: Any, topic: str, shape: tuple[int, ...]) -> Int32[np.ndarray, "height width"]:
    """Return an Image of whole numbers as label image."""
    try:
        labels = image_formats.decode_labels(
            message.encoding,
            message.height,
            message.width,
            message.step,
            message.is_bigendian,
            message.data,
        )
    except InputError as error:
        raise InputError(f"{topic}: {error}") from error
    if labels.shape != shape:
        raise InputError(
            f"{topic} is {labels.shape[1]}x{labels.shape[0]} but the images are {shape[1]}x{shape[0]}: "
            "publish masks at the colour image's size"
        )
    return labels


def decode_with_cv_bridge(message: Any) -> UInt8[np.ndarray, "height width 3"]:
    """Return an image of an encoding that NumPy alone cannot read; imports cv_bridge only here."""
    try:
        from cv_bridge import CvBridge
    except ImportError as error:
        raise InputError(
            f"encoding {message.encoding} needs cv_bridge ({error}): install ros-$ROS_DISTRO-cv-bridge, "
            "or let image_proc convert the image to rgb8"
        ) from error
    try:
        return np.ascontiguousarray(CvBridge().imgmsg_to_cv2(_as_cv_bridge_reads(message), "rgb8"))
    except ImportError as error:  # a cv_bridge built against another NumPy says so only now
        raise InputError(
            f"encoding {message.encoding} needs cv_bridge, which fails ({error}): run `autoseg3d doctor`"
        ) from error
    except (TypeError, ValueError) as error:
        raise InputError(f"cv_bridge cannot convert {message.encoding} to rgb8: {error}") from error


def _as_cv_bridge_reads(message: Any) -> Any:
    """Return the image in this machine's byte order, under the older name of its encoding.

    cv_bridge does not know the newer names, and beside NumPy 2 fails at every foreign byte order.
    """
    encoding = OLDER_NAMES.get(message.encoding, message.encoding)
    is_foreign = bool(message.is_bigendian) != (sys.byteorder == "big")
    if encoding == message.encoding and not is_foreign:
        return message
    data = message.data
    if is_foreign and encoding.endswith("16"):
        data = array("B", np.frombuffer(data, np.uint16).byteswap().tobytes())
    return type(message)(
        height=message.height,
        width=message.width,
        step=message.step,
        encoding=encoding,
        is_bigendian=int(sys.byteorder == "big"),
        data=data,
    )


def intrinsics(info: Any, topic: str) -> tuple[CameraIntrinsics, Any]:
    """Return the pinhole camera of a CameraInfo and its lens distortion, None where rectified."""
    try:
        return calibration.camera_intrinsics(
            info.width,
            info.height,
            info.k,
            info.d,
            info.p,
            info.distortion_model,
            info.roi,
            (info.binning_x, info.binning_y),
        )
    except InputError as error:
        raise InputError(f"{topic}: {error}") from error


def check_sizes(rgb: np.ndarray, depth: np.ndarray, camera: CameraIntrinsics, names: TopicNames) -> None:
    """Raise `InputError` when colour, depth and calibration are not of one size."""
    color_size, depth_size = rgb.shape[1::-1], depth.shape[1::-1]
    if depth_size != color_size:
        raise InputError(
            f"{names.depth} is {depth_size[0]}x{depth_size[1]} but {names.color} is "
            f"{color_size[0]}x{color_size[1]}: {ALIGNMENT_ADVICE}"
        )
    if (camera.width, camera.height) != color_size:
        raise InputError(
            f"{names.camera_info} describes {camera.width}x{camera.height} but {names.color} is "
            f"{color_size[0]}x{color_size[1]}: remap it to the camera_info that belongs to that image"
        )


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


def implausible_depth(depth: Float32[np.ndarray, "height width"]) -> str:
    """Return what looks wrong about the scale of a depth image, empty when nothing does."""
    sample = depth[::16, ::16]
    valid = sample[sample > 0]
    if len(valid) == 0:
        return "no valid depth in the image"
    median = float(np.median(valid))
    low, high = PLAUSIBLE_DEPTH_M
    if low <= median <= high:
        return ""
    return f"the median depth is {median:.3g} m: is the unit right? (parameter input.depth_scale)"
