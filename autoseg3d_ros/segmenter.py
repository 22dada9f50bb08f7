"""How the node comes by its segmenter: the core's, built from its config, with ids that go on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from autoseg3d_core.structures import Frame, LabelledCloud, SceneUpdate, TimedMasks, TrackTable


@runtime_checkable
class Segmenter(Protocol):
    """What the node needs of `OnlineSegmenter`."""

    def make_masks(self, frame: Frame) -> TimedMasks:
        """Return the 2D masks of a frame, also while a step runs; raises `InputError` for an unusable one."""
        ...

    def step(self, frame: Frame, made: TimedMasks | None = None) -> SceneUpdate:
        """Take a frame and its masks; raises `InputError` for an unusable one."""
        ...

    def reset(self) -> None:
        """Forget the scene; ids go on."""
        ...

    def save(self, path: Path, world: str) -> None:
        """Write a snapshot; raises `InputError` where it cannot be written."""
        ...

    def load(self, path: Path, world: str, by_objects: bool = False) -> None:
        """Go on from a snapshot, at once or when its place is found by its objects.

        Raises `InputError`, and changes nothing, for one that does not fit.
        """
        ...

    def hide(self, track_id: int) -> bool:
        """Show a track no more, and its object under no other id; False when there is none."""
        ...

    def name_track(self, track_id: int, name: str) -> bool:
        """Call a track so for as long as it lives; False when there is none. Raises `InputError`."""
        ...

    def given_names(self) -> dict[int, str]:
        """Return the names that were given to tracks, by id."""
        ...

    def map_cloud(self) -> LabelledCloud:
        """Return the scene map."""
        ...

    def track_table(self) -> TrackTable:
        """Return the tracks."""
        ...


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


def torch_shares(is_ahead: bool) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return how the threads that make masks and do the rest take their shares of torch's threads."""
    import torch

    from autoseg3d_core.masks_ahead import divided

    threads = torch.get_num_threads()
    shares = divided(threads) if is_ahead else (threads, threads)
    return partial(torch.set_num_threads, shares[0]), partial(torch.set_num_threads, shares[1])
