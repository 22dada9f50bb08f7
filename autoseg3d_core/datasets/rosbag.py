"""A rosbag2 recording (MCAP or SQLite) as a sequence of posed frames."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from autoseg3d_core import image_formats
from autoseg3d_core.datasets.bag_index import BagIndex, Stamped
from autoseg3d_core.datasets.bag_topics import BagTopics, find_topics
from autoseg3d_core.datasets.pairing import pair_stamps
from autoseg3d_core.datasets.truth_file import load_scene_truth
from autoseg3d_core.geometry.transforms import check_pose
from autoseg3d_core.structures import Frame, FrameTruth, InputError, SceneTruth

TRUTH_TOPIC = "/truth/instance/compressed"
PART_TOPIC = "/truth/part/compressed"
WORLD_FRAMES = ("map", "odom", "world")
REGISTERED_M, REGISTERED_RAD = 0.005, 0.01
"""How far apart two optical frames may lie for depth still to count as registered to colour."""


@dataclass(frozen=True)
class _Pair:
    """Where the messages of one frame lie in the bag."""

    color: Stamped
    depth: Stamped


class RosbagSequence:
    """Reads colour, depth, calibration and TF of a bag; every frame, always in the same order.

    Topics are found by their types and names unless given. `target_frame` defaults to the root of the TF
    tree. Frames that cannot be used are left out and counted in `skipped` by cause.
    """

    def __init__(
        self,
        path: str | Path,
        color_topic: str | None = None,
        depth_topic: str | None = None,
        info_topic: str | None = None,
        target_frame: str | None = None,
        slop_s: float = 0.02,
        mask_topic: str | None = None,
    ) -> None:
        self.path = Path(path)
        self.name = self.path.stem
        self._bag = BagIndex(self.path)
        self.topics: BagTopics = find_topics(self._bag.kinds, str(path), color_topic, depth_topic, info_topic)
        self._mask_topic = mask_topic
        if mask_topic is not None and mask_topic not in self._bag.kinds:
            raise InputError(f"{path}: no messages on {mask_topic}: name the topic of label images")
        masks = [] if mask_topic is None else [mask_topic]
        self._bag.index([self.topics.color, self.topics.depth, self.topics.info, *masks])
        self._infos = self._bag.messages(self.topics.info)
        self._info_stamps = np.array([info.stamp_ns for info in self._infos], np.int64)
        self.skipped: Counter[str] = Counter()
        self.skip_reasons: dict[str, str] = {}
        pairs = self._paired(round(slop_s * 1e9))
        self._tree = self._bag.transform_tree()
        self._optical = self._bag.read(pairs[0].color).header.frame_id.lstrip("/") if pairs else ""
        if pairs and depth_topic is None:
            self._check_registered(pairs[0])
        self.target_frame = target_frame or self._default_target()
        self._pairs = [pair for pair in pairs if self._has_pose(pair)]
        if not self._pairs:
            raise InputError(f"{path}: no usable frame: {'; '.join(self.skip_reasons.values())}")

    @property
    def stamps_ns(self) -> list[int]:
        """Return the stamp of each frame."""
        return [pair.color.stamp_ns for pair in self._pairs]

    def __len__(self) -> int:
        """Return the number of usable frames."""
        return len(self._pairs)

    def __getitem__(self, index: int) -> Frame:
        """Return one frame; raises `InputError` naming the topic that cannot be used."""
        pair = self._pairs[index]
        rgb = self._decoded(pair.color, _color_of)
        depth = self._decoded(pair.depth, _depth_of)
        info = self._bag.read(self._nearest_info(pair.color.stamp_ns))
        try:
            camera, distortion = image_formats.camera_intrinsics(
                info.width,
                info.height,
                info.k,
                info.d,
                info.p,
                info.distortion_model,
                info.roi,
                (info.binning_x, info.binning_y),
                image_formats.is_rectified_topic(self.topics.color),
            )
        except InputError as error:
            raise InputError(f"{self.path}: {self.topics.info}: {error}") from error
        if depth.shape != rgb.shape[:2]:
            raise InputError(
                f"{self.path}: {self.topics.depth} is {depth.shape[1]}x{depth.shape[0]}, {self.topics.color} "
                f"is {rgb.shape[1]}x{rgb.shape[0]}: record depth that is registered to colour"
            )
        if (camera.height, camera.width) != depth.shape:
            raise InputError(
                f"{self.path}: {self.topics.info} describes {camera.width}x{camera.height}, but "
                f"{self.topics.color} is {rgb.shape[1]}x{rgb.shape[0]}: name the camera info of that image"
            )
        labels = self._labels_at(pair.color.stamp_ns)
        if distortion is not None:
            rgb, depth = image_formats.undistort(rgb, depth, camera, distortion)
            labels = labels if labels is None else image_formats.undistort_labels(labels, camera, distortion)
        return Frame(rgb, depth, camera, self._pose(pair.color.stamp_ns), pair.color.stamp_ns, labels, index)

    def truth(self, index: int) -> FrameTruth | None:
        """Return what is really in one frame, None where the bag does not say."""
        stamp = self._pairs[index].color.stamp_ns
        instance, part = (self._ids_at(topic, stamp) for topic in (TRUTH_TOPIC, PART_TOPIC))
        if instance is None:
            return None
        return FrameTruth(instance, instance if part is None else part, self._pose(stamp))

    def scene_truth(self) -> SceneTruth | None:
        """Return what is really in the scene, None where no `truth.npz` lies in the bag's folder."""
        folder = self.path if self.path.is_dir() else self.path.parent
        file = folder / "truth.npz"
        return load_scene_truth(file) if file.exists() else None

    def _paired(self, slop_ns: int) -> list[_Pair]:
        """Pair colour and depth images; count those that stay alone, by cause."""
        colors, depths = (
            [m for m in self._bag.messages(topic) if m.stamp_ns > 0]
            for topic in (self.topics.color, self.topics.depth)
        )
        stampless = len(self._bag.messages(self.topics.color)) - len(colors)
        self._skip("zero stamp", f"{self.topics.color}: messages without a stamp", stampless)
        stamps = [np.array([m.stamp_ns for m in messages], np.int64) for messages in (colors, depths)]
        pairs = [_Pair(colors[i], depths[j]) for i, j in pair_stamps(stamps[0], stamps[1], slop_ns)]
        reason = f"no {self.topics.depth} within {slop_ns / 1e6:.0f} ms of {self.topics.color}"
        self._skip("no depth", reason, len(colors) - len(pairs))
        return pairs

    def _check_registered(self, pair: _Pair) -> None:
        """Raise `InputError` where TF says that depth is seen from another place than colour."""
        frame = self._bag.read(pair.depth).header.frame_id.lstrip("/")
        if frame == self._optical or not {frame, self._optical} <= set(self._tree.frames):
            return
        apart = self._tree.lookup(self._optical, frame, pair.color.stamp_ns)
        turned = np.arccos(np.clip((np.trace(apart[:3, :3]) - 1) / 2, -1, 1))
        if np.linalg.norm(apart[:3, 3]) > REGISTERED_M or turned > REGISTERED_RAD:
            raise InputError(
                f"{self.path}: {self.topics.depth} is seen from {frame}, {self.topics.color} from "
                f"{self._optical}: record depth that is registered to colour (RealSense: "
                "align_depth.enable), or name the depth topic if it is"
            )

    def _default_target(self) -> str:
        """Return the well-known world frame above the camera, or else the root of its tree."""
        frames = self._tree.frames
        if not frames:
            raise InputError(f"{self.path}: no transforms: record /tf and /tf_static as well")
        if self._optical not in frames:
            return self._optical
        above = self._tree.chain(self._optical)
        known = next((name for name in WORLD_FRAMES if name in above), None)
        if known is None and self._tree.is_fixed(self._optical):
            raise InputError(
                f"{self.path}: nothing says how {above[-1]} moves: record /tf with {', '.join(WORLD_FRAMES)} "
                f"or the like; for a camera that stands still name {above[-1]} as the target frame"
            )
        return known or above[-1]

    def _has_pose(self, pair: _Pair) -> bool:
        try:
            check_pose(self._pose(pair.color.stamp_ns), f"TF of {self._optical}")
        except InputError as error:
            self._skip("no pose", str(error))
            return False
        return True

    def _pose(self, stamp_ns: int) -> np.ndarray:
        return self._tree.lookup(self.target_frame, self._optical, stamp_ns)

    def _skip(self, cause: str, reason: str, count: int = 1) -> None:
        if count:
            self.skipped[cause] += count
            self.skip_reasons.setdefault(cause, reason)

    def _decoded(self, place: Stamped, decode: Any) -> np.ndarray:
        try:
            return decode(self._bag.read(place))
        except InputError as error:
            raise InputError(f"{self.path}: {place.topic} at {place.stamp_ns} ns: {error}") from error

    def _nearest_info(self, stamp_ns: int) -> Stamped:
        after = int(np.searchsorted(self._info_stamps, stamp_ns))
        near = range(max(after - 1, 0), min(after + 1, len(self._infos)))
        return self._infos[min(near, key=lambda i: abs(self._infos[i].stamp_ns - stamp_ns))]

    def _labels_at(self, stamp_ns: int) -> np.ndarray | None:
        """Return the label image of a stamp, None where no topic of them was named."""
        if self._mask_topic is None:
            return None
        place = self._place_at(self._mask_topic, stamp_ns)
        if place is None:
            raise InputError(f"{self.path}: {self._mask_topic} has no label image at {stamp_ns} ns")
        return self._decoded(place, _labels_of)

    def _place_at(self, topic: str, stamp_ns: int) -> Stamped | None:
        places = self._bag.messages(topic)
        place = bisect_left(places, stamp_ns, key=lambda p: p.stamp_ns)
        return places[place] if place < len(places) and places[place].stamp_ns == stamp_ns else None

    def _ids_at(self, topic: str, stamp_ns: int) -> np.ndarray | None:
        place = self._place_at(topic, stamp_ns)
        if place is None:
            return None
        data = np.frombuffer(self._bag.read(place).data, np.uint8)
        ids = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
        if ids is None:
            raise InputError(f"{topic}: the image at {stamp_ns} ns is not a PNG: write the recording again")
        return ids.astype(np.int32)


def _color_of(message: Any) -> np.ndarray:
    if hasattr(message, "format"):
        return image_formats.decode_compressed_color(message.data)
    m = message
    return image_formats.decode_color(m.encoding, m.height, m.width, m.step, m.is_bigendian, m.data)


def _depth_of(message: Any) -> np.ndarray:
    if hasattr(message, "format"):
        return image_formats.decode_compressed_depth(message.format, message.data)
    m = message
    return image_formats.decode_depth(m.encoding, m.height, m.width, m.step, m.is_bigendian, m.data)


def _labels_of(message: Any) -> np.ndarray:
    if hasattr(message, "format"):
        return image_formats.decode_compressed_labels(message.data)
    m = message
    return image_formats.decode_labels(m.encoding, m.height, m.width, m.step, m.is_bigendian, m.data)
