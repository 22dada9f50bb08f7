"""How the node comes by its segmenter: the core's, built from its config, with ids that go on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from autoseg3d_ros.session import Segmenter


@dataclass(frozen=True)
class BuiltSegmenter:
    """A segmenter, how to change its live settings, its next id, its class names, and what it is in words."""

    segmenter: Segmenter
    reconfigure: Callable[[Any], None]
    next_id: Callable[[], int]
    label_names: tuple[str, ...] = ()
    about: str = ""


def build_segmenter(config: Any, first_id: int) -> BuiltSegmenter:
    """Return the core's segmenter; its ids start at `first_id`, so that cleaning up reuses none; warmed up.

    Raises `InputError` or `ImportError` when something it needs is missing.
    """
    from autoseg3d_core import build

    pipeline = build.online_segmenter(config)
    pipeline.warm_up()
    pipeline.memory = dataclasses.replace(pipeline.memory, next_id=first_id)
    return BuiltSegmenter(
        pipeline,
        lambda other: build.reconfigure(pipeline, other),
        lambda: pipeline.memory.next_id,
        build.label_names(config, pipeline.model),
        build.description(config, pipeline.device),
    )
