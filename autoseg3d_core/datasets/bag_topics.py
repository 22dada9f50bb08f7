"""Which topics of a bag are the camera's: by type, then by what drivers call them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from autoseg3d_core.structures import InputError

IMAGE = "sensor_msgs/msg/Image"
COMPRESSED = "sensor_msgs/msg/CompressedImage"
INFO = "sensor_msgs/msg/CameraInfo"
DEPTH_WORDS = ("aligned_depth_to_color", "depth_registered", "depth_to_rgb", "registered", "depth", "stereo")
"""Words in the names of depth topics; earlier ones promise depth on the colour image's pixel grid."""
COLOR_WORDS = ("color", "rgb", "left", "image")
NAMES_OF_ONE_CAMERA = ("rect_color", "rect", "color", "raw")
"""Of several images of one camera, the one to take: straightened before raw, colour before grey."""
TRANSPORTS = ("", "compressedDepth", "compressed")
NOT_CAMERAS = ("infra", "/ir/", "truth", "debug", "label", "confidence", "mask", "theora")


@dataclass(frozen=True)
class BagTopics:
    """The topics of one RGB-D camera; `depth_info` is empty where depth has no calibration of its own."""

    color: str
    depth: str
    info: str
    depth_info: str = ""


def find_topics(
    kinds: Mapping[str, str],
    source: str,
    color: str | None = None,
    depth: str | None = None,
    info: str | None = None,
    depth_info: str | None = None,
) -> BagTopics:
    """Return the camera's topics of a bag whose topics have these types; given ones are only checked.

    Raises `InputError` listing the candidates when there is none or no best one.
    """
    images = [t for t, kind in kinds.items() if kind in (IMAGE, COMPRESSED) and not _has(t, NOT_CAMERAS)]
    depths = [t for t in images if _has(t, DEPTH_WORDS)]
    colors = [t for t in images if t not in depths and not t.endswith("compressedDepth")]
    infos = [t for t, kind in kinds.items() if kind == INFO]
    for given in (color, depth, info, depth_info):
        if given is not None and given not in kinds:
            raise InputError(f"{source}: no topic {given}; the bag has {', '.join(sorted(kinds))}")
    color = color or _best(colors, COLOR_WORDS, source, "colour image")
    depth = depth or _best(depths, DEPTH_WORDS, source, "depth image")
    beside = next((topic for topic in infos if topic.rsplit("/", 1)[0] == _folder(depth)), "")
    return BagTopics(color, depth, info or _info_for(color, infos, source), depth_info or beside)


def _has(topic: str, words: tuple[str, ...]) -> bool:
    return any(word in topic.lower() for word in words)


def _best(topics: list[str], words: tuple[str, ...], source: str, what: str) -> str:
    """Return the topic with the earliest word, raw before compressed; several cameras are an error."""
    if not topics:
        raise InputError(f"{source}: no {what} topic: record one, or name it (--topics)")

    def rank(topic: str) -> tuple[int, int]:
        return _place(words, topic.lower()), TRANSPORTS.index(_transport(topic))

    ordered = sorted(topics, key=rank)
    equal = [topic for topic in ordered if rank(topic) == rank(ordered[0])]
    if len({_folder(topic) for topic in equal}) == 1:
        equal.sort(key=lambda topic: _place(NAMES_OF_ONE_CAMERA, topic.removeprefix(_folder(topic))))
        return equal[0]
    if len(equal) > 1:
        raise InputError(
            f"{source}: more than one {what} topic ({', '.join(equal)}): name the one to use (--topics)"
        )
    return ordered[0]


def _place(words: tuple[str, ...], name: str) -> int:
    return next((i for i, word in enumerate(words) if word in name), len(words))


def _transport(topic: str) -> str:
    """Return the last part of a topic where that names a compression."""
    last = topic.rsplit("/", 1)[-1]
    return last if last in TRANSPORTS else ""


def _folder(topic: str) -> str:
    """Return the namespace of the camera that publishes an image topic."""
    return topic.removesuffix(f"/{_transport(topic)}").rsplit("/", 1)[0]


def _info_for(color: str, infos: list[str], source: str) -> str:
    """Return the calibration published beside the colour image."""
    if not infos:
        raise InputError(f"{source}: no camera info topic: record the colour camera's calibration as well")
    folder = _folder(color)
    beside = [topic for topic in infos if topic.rsplit("/", 1)[0] == folder]
    chosen = beside or infos
    if len(chosen) > 1:
        raise InputError(
            f"{source}: more than one camera info topic ({', '.join(chosen)}): name the one to use (--topics)"
        )
    return chosen[0]
