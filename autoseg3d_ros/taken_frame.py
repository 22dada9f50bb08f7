"""What a frame's messages become before the core's turn: a frame that it takes, and 2D masks."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass

from autoseg3d_core.structures import Frame, InputError, TimedMasks
from autoseg3d_ros.conversions import TopicNames, frame_from_messages
from autoseg3d_ros.frame_source import PosedMessages


@dataclass(frozen=True, eq=False)
class DecodedFrame:
    """A frame as the core takes it, and its 2D masks."""

    frame: Frame
    made: TimedMasks
    decode_ms: float


@dataclass(frozen=True, eq=False)
class TakenFrame:
    """How old a frame was when work on it began, and what came of it: maybe nothing usable."""

    input_age_ms: float
    decoded: DecodedFrame | InputError


def take(
    posed: PosedMessages,
    names: TopicNames,
    depth_scale: float,
    make_masks: Callable[[Frame], TimedMasks],
    now_ns: Callable[[], int],
) -> TakenFrame:
    """Decode messages and make masks of them; what is wrong with them is returned, not raised."""
    input_age_ms = (now_ns() - posed.messages.stamp_ns) / 1e6
    start = time.perf_counter()
    try:
        frame = frame_from_messages(posed.messages, posed.world_from_camera, names, depth_scale)
        decode_ms = (time.perf_counter() - start) * 1e3
        frame = dataclasses.replace(frame, world_from_odometry=posed.world_from_odometry)
        return TakenFrame(input_age_ms, DecodedFrame(frame, make_masks(frame), decode_ms))
    except InputError as error:
        return TakenFrame(input_age_ms, error)
