"""Recorded or simulated frames: one loop over them, a step for each, and sinks that take what comes of it."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from autoseg3d_core.datasets.sequence import RgbdSequence
from autoseg3d_core.mask_makers.interface import MaskMaker
from autoseg3d_core.structures import Frame, InputError, MaskImage

UNUSABLE = "unusable"
"""The cause under which a frame counts that could be opened, and not be used."""


Made_co = TypeVar("Made_co", covariant=True)
Made_contra = TypeVar("Made_contra", contravariant=True)
Made = TypeVar("Made")


class Step(Protocol[Made_co]):
    """Makes something of each frame: `OnlineSegmenter` a scene update, others masks, or nothing."""

    def step(self, frame: Frame, /) -> Made_co:
        """Return what becomes of a frame; raises `InputError` for one that cannot be used."""
        ...


class Sink(Protocol[Made_contra]):
    """Takes what one run makes of each frame."""

    def take(self, index: int, frame: Frame, made: Made_contra, /) -> None:
        """Take one frame, by its index in the sequence, and what became of it."""
        ...


class MasksOf:
    """A step that makes the 2D masks of a frame, and nothing else; `ms` has the time that each frame took."""

    def __init__(self, mask_maker: MaskMaker) -> None:
        self._mask_maker, self.ms = mask_maker, list[float]()

    def step(self, frame: Frame) -> MaskImage:
        """Return the frame's masks."""
        begin = time.perf_counter()
        masks = self._mask_maker(frame)
        self.ms.append((time.perf_counter() - begin) * 1e3)
        return masks


class Unchanged:
    """A step that makes nothing of frames, for sinks that want the frames alone."""

    def step(self, frame: Frame) -> None:
        """Do nothing."""


@dataclass
class RunRecord:
    """What became of the frames of a run: how many were used, how many left out by cause, and why.

    `reasons` has the first words said about each cause.
    """

    frames: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, str] = field(default_factory=dict)
    interrupted: bool = False

    def leave_out(self, index: int, error: InputError) -> None:
        """Count a frame that cannot be used, and name it on stderr."""
        self.skipped[UNUSABLE] += 1
        self.reasons.setdefault(UNUSABLE, str(error))
        print(f"frame {index} left out: {error}", file=sys.stderr)


def run(
    sequence: RgbdSequence,
    online: Step[Made],
    sinks: Sequence[Sink[Made]],
    indices: Iterable[int] | None = None,
    announce: Callable[[Frame], object] | None = None,
) -> RunRecord:
    """Run frames of a sequence, all of them unless `indices` says which, and give each to every sink.

    With `announce`, each frame is read, and told to it, before the step of the frame before.

    A frame that cannot be used is left out, counted and named; the frames that the sequence itself left out
    are counted too. Ctrl-C ends the run early, and what the sinks have taken stays. Raises `InputError` when
    no frame at all could be used.
    """
    record = RunRecord(
        skipped=Counter(getattr(sequence, "skipped", {})), reasons=dict(getattr(sequence, "skip_reasons", {}))
    )
    try:
        read = _frames(sequence, range(len(sequence)) if indices is None else indices)
        for index, frame in read if announce is None else _announced(read, announce):
            try:
                if isinstance(frame, Exception):
                    raise frame
                update = online.step(frame)
            except InputError as error:
                record.leave_out(index, error)
                continue
            record.frames += 1
            for sink in sinks:
                sink.take(index, frame, update)
    except KeyboardInterrupt:
        record.interrupted = True
    if record.frames == 0 and not record.interrupted:
        why = "; ".join(record.reasons.values()) or "it has none"
        raise InputError(f"{sequence.name}: no frame could be used: {why}")
    return record


def _frames(sequence: RgbdSequence, indices: Iterable[int]) -> Iterator[tuple[int, Frame | Exception]]:
    """Yield each frame, or what reading it raised, to be raised in its turn."""
    for index in indices:
        try:
            frame: Frame | Exception = sequence[index]
        except Exception as error:
            frame = error
        yield index, frame


def _announced(
    read: Iterator[tuple[int, Frame | Exception]], announce: Callable[[Frame], object]
) -> Iterator[tuple[int, Frame | Exception]]:
    """Yield the same, each when the next one has been read and announced."""
    waiting: list[tuple[int, Frame | Exception]] = []
    for index, frame in read:
        if isinstance(frame, Frame):
            announce(frame)
        yield from waiting
        waiting = [(index, frame)]
    yield from waiting


def run_to_the_end(
    sequence: RgbdSequence, step: Step[Made], sink: Sink[Made], indices: Iterable[int] | None = None
) -> RunRecord:
    """Run frames whose results are of no use in part: Ctrl-C is not kept back."""
    record = run(sequence, step, (sink,), indices)
    if record.interrupted:
        raise KeyboardInterrupt
    return record
