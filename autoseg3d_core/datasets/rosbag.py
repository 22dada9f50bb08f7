"""A rosbag2 recording (MCAP or SQLite) as a sequence of posed frames."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from autoseg3d_core.datasets import image_messages
from autoseg3d_core.datasets.bag_index import BagIndex, Stamped
from autoseg3d_core.datasets.bag_poses import BagPoses
from autoseg3d_core.datasets.bag_topics import BagTopics, find_topics
from autoseg3d_core.datasets.pairing import pair_stamps
from autoseg3d_core.datasets.rig import Rig, of_size, on_one_grid, told
from autoseg3d_core.datasets.source_options import SourceOptions, world_from_camera
from autoseg3d_core.datasets.truth_file import load_scene_truth
from autoseg3d_core.geometry import calibration
from autoseg3d_core.geometry.transforms import check_pose
from autoseg3d_core.structures import CameraIntrinsics, Frame, FrameTruth, InputError, SceneTruth

TRUTH_TOPIC = "/truth/instance/compressed"
PART_TOPIC = "/truth/part/compressed"
TOPICS = ("color", "depth", "info", "depth_info", "pose", "masks")
SLOP_NS = 20_000_000
REGISTERED_M, REGISTERED_RAD = 0.005, 0.01
"""How far apart two optical frames may lie for depth still to count as registered to colour."""


@dataclass(frozen=True)
class _Pair:
    """Where the messages of one frame lie in the bag."""

    color: Stamped
    depth: Stamped


class RosbagSequence:
    """Reads colour, depth, calibration and poses of a bag; every frame, always in the same order.

    Topics are found by their types and names, and the poses in TF, unless the options name them. Where TF and
    a calibration say that depth was seen by another camera, it is registered to colour; a depth topic that
    the options name is taken as registered. The target frame is the world frame above the camera. Frames that
    cannot be used are left out and counted in `skipped` by cause.
    """

    def __init__(self, path: str | Path, options: SourceOptions | None = None) -> None:
        self.path = Path(path)
        self.name = self.path.stem
        self._options = options = options or SourceOptions()
        named = options.topics
        self._bag = BagIndex(self.path)
        self._check_named(named)
        self.topics: BagTopics = find_topics(
            self._bag.kinds,
            str(path),
            *(named.get(part) for part in ("color", "depth", "info", "depth_info")),
        )
        self._mask_topic = named.get("masks")
        more = [topic for topic in (self._mask_topic, self.topics.depth_info, named.get("pose")) if topic]
        self._bag.index([self.topics.color, self.topics.depth, self.topics.info, *more])
        self.skipped: Counter[str] = Counter()
        self.skip_reasons: dict[str, str] = {}
        pairs = self._paired(SLOP_NS)
        if not pairs:
            raise self._nothing()
        optical = self._bag.read(pairs[0].color).header.frame_id.lstrip("/")
        self._optical = options.camera_frame or optical
        self._poses = BagPoses(self._bag, self._optical, named.get("pose"), options.target_frame)
        self.target_frame, self.guesses = self._poses.target, [g for g in [self._poses.guess] if g]
        self._color_from_depth = self._apart(pairs[0], "depth" in named and "depth_info" not in named)
        self._pairs = [pair for pair in pairs if self._has_pose(pair)]
        if not self._pairs:
            raise self._nothing()

    @property
    def stamps_ns(self) -> list[int]:
        """Return the stamp of each frame."""
        return [pair.color.stamp_ns for pair in self._pairs]

    def __len__(self) -> int:
        """Return the number of usable frames."""
        return len(self._pairs)

    def __getitem__(self, index: int) -> Frame:
        """Return one frame; raises `InputError` naming the topic that cannot be used."""
        pair, said = self._pairs[index], self._options
        stamp = pair.color.stamp_ns
        rgb = self._decoded(pair.color, image_messages.color_of)
        if said.swap_colors:
            rgb = np.ascontiguousarray(rgb[..., ::-1])
        scale = 1 / said.depth_scale if said.depth_scale else None
        depth = self._decoded(pair.depth, partial(image_messages.depth_of, metres_per_unit=scale))
        rig = told(self._rig(stamp, rgb.shape), said)
        labels = self._labels_at(stamp)
        if labels is not None and rig.distortion is not None:
            straight = of_size(rig.color, labels.shape, f"{self.path}: {self._mask_topic}")
            labels = calibration.undistort_labels(labels, straight, rig.distortion)
        source = f"{self.path}: {self.topics.depth} and {self.topics.color}"
        rgb, depth, camera = on_one_grid(rig, rgb, depth, source)
        if labels is not None and labels.shape != depth.shape:
            labels = cv2.resize(labels, depth.shape[::-1], interpolation=cv2.INTER_NEAREST)
        return Frame(rgb, depth, camera, self._pose(stamp), stamp, labels, index)

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

    def _apart(self, pair: _Pair, is_named: bool) -> np.ndarray | None:
        """Return where depth's camera stands in colour's, None where depth is seen from colour's own place.

        Raises `InputError` where TF says so and no calibration of the depth camera tells how to register it.
        """
        said, tree = self._options, self._poses.tree
        frame = self._bag.read(pair.depth).header.frame_id.lstrip("/")
        told_by_user = said.depth_intrinsics is not None or said.depth_offset is not None
        if (
            told_by_user
            or is_named
            or frame == self._optical
            or not {frame, self._optical} <= set(tree.frames)
        ):
            return None
        apart = tree.lookup(self._optical, frame, pair.color.stamp_ns)
        turned = np.arccos(np.clip((np.trace(apart[:3, :3]) - 1) / 2, -1, 1))
        if np.linalg.norm(apart[:3, 3]) <= REGISTERED_M and turned <= REGISTERED_RAD:
            return None
        if not self.topics.depth_info:
            raise InputError(
                f"{self.path}: {self.topics.depth} is seen from {frame}, {self.topics.color} from "
                f"{self._optical}: record depth that is registered to colour (RealSense: "
                "align_depth.enable), or the depth camera's calibration; or name the depth topic if it is "
                f"registered (--topics depth={self.topics.depth})"
            )
        self.guesses.append(f"depth: registered to colour by TF and {self.topics.depth_info}")
        return apart

    def _rig(self, stamp_ns: int, shape: tuple[int, ...]) -> Rig:
        camera, distortion = self._calibration(self.topics.info, stamp_ns, self.topics.color)
        if self._options.intrinsics is None and (camera.height, camera.width) != shape[:2]:
            raise InputError(
                f"{self.path}: {self.topics.info} describes {camera.width}x{camera.height}, but "
                f"{self.topics.color} is {shape[1]}x{shape[0]}: name the camera info of that image "
                "(--topics info=TOPIC)"
            )
        if self._color_from_depth is None:
            return Rig(camera, distortion=distortion)
        depth, _ = self._calibration(self.topics.depth_info, stamp_ns, self.topics.depth)
        return Rig(camera, depth, self._color_from_depth, distortion)

    def _calibration(
        self, topic: str, stamp_ns: int, image: str
    ) -> tuple[CameraIntrinsics, calibration.Distortion | None]:
        info = self._bag.read(self._nearest(topic, stamp_ns))
        try:
            return image_messages.camera_of(info, calibration.is_rectified_topic(image))
        except InputError as error:
            raise InputError(f"{self.path}: {topic}: {error}") from error

    def _has_pose(self, pair: _Pair) -> bool:
        try:
            check_pose(self._pose(pair.color.stamp_ns), f"TF of {self._optical}")
        except InputError as error:
            self._skip("no pose", str(error))
            return False
        return True

    def _pose(self, stamp_ns: int) -> np.ndarray:
        said = self._options
        stored = self._poses.at(stamp_ns)
        return world_from_camera(stored, said.pose_convention or "camera-to-world", said.pose_scale or 1.0)

    def _check_named(self, named: Mapping[str, str]) -> None:
        for part, topic in named.items():
            if part not in TOPICS:
                raise InputError(f"--topics {part}={topic}: no such input; use one of {', '.join(TOPICS)}")
            if topic not in self._bag.kinds:
                known = ", ".join(sorted(self._bag.kinds))
                raise InputError(f"{self.path}: no messages on {topic}; it has {known}")

    def _nothing(self) -> InputError:
        return InputError(f"{self.path}: no usable frame: {'; '.join(self.skip_reasons.values())}")

    def _skip(self, cause: str, reason: str, count: int = 1) -> None:
        if count:
            self.skipped[cause] += count
            self.skip_reasons.setdefault(cause, reason)

    def _decoded(self, place: Stamped, decode: Callable[[Any], np.ndarray]) -> np.ndarray:
        try:
            return decode(self._bag.read(place))
        except InputError as error:
            raise InputError(f"{self.path}: {place.topic} at {place.stamp_ns} ns: {error}") from error

    def _nearest(self, topic: str, stamp_ns: int) -> Stamped:
        """Return the message of a topic that is nearest in time."""
        messages = self._bag.messages(topic)
        after = bisect_left(messages, stamp_ns, key=lambda m: m.stamp_ns)
        near = messages[max(after - 1, 0) : after + 1]
        return min(near, key=lambda m: abs(m.stamp_ns - stamp_ns))

    def _labels_at(self, stamp_ns: int) -> np.ndarray | None:
        """Return the label image of a stamp, None where no topic of them was named."""
        if self._mask_topic is None:
            return None
        place = self._place_at(self._mask_topic, stamp_ns)
        if place is None:
            raise InputError(f"{self.path}: {self._mask_topic} has no label image at {stamp_ns} ns")
        return self._decoded(place, image_messages.labels_of)

    def _place_at(self, topic: str, stamp_ns: int) -> Stamped | None:
        places = self._bag.messages(topic)
        place = bisect_left(places, stamp_ns, key=lambda p: p.stamp_ns)
        return places[place] if place < len(places) and places[place].stamp_ns == stamp_ns else None

    def _ids_at(self, topic: str, stamp_ns: int) -> np.ndarray | None:
        place = self._place_at(topic, stamp_ns)
        if place is None:
            return None
        return self._decoded(place, image_messages.ids_of)
