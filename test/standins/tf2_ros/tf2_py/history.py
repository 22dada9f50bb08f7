"""What the buffer knows about one frame: its parents and transforms over time."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

from tf2_py.exceptions import ExtrapolationException
from tf2_py.rotation import Rigid, interpolate


@dataclass(frozen=True)
class Sample:
    """A frame's transform into its parent at a time."""

    stamp_ns: int
    parent: str
    parent_from_frame: Rigid


@dataclass
class StaticHistory:
    """A transform that holds at any time."""

    authority: str = ""
    sample: Sample | None = None

    def insert(self, sample: Sample) -> bool:
        """Replace the transform."""
        self.sample = sample
        return True

    def clear(self) -> None:
        """Forget the transform, as the original does since Lyrical."""
        self.sample = None

    def latest(self) -> Sample | None:
        """Return the transform; its stamp is 0."""
        return None if self.sample is None else Sample(0, self.sample.parent, self.sample.parent_from_frame)

    def oldest(self) -> Sample | None:
        """Return the transform; its stamp is 0."""
        return self.latest()

    def at(self, stamp_ns: int) -> Sample | None:
        """Return the transform."""
        return self.latest()

    def __len__(self) -> int:
        return 0 if self.sample is None else 1


@dataclass
class History:
    """The samples of one frame, ordered by stamp; those behind the newest by more than `keep_ns` leave."""

    keep_ns: int
    authority: str = ""
    samples: list[Sample] = field(default_factory=list)

    def insert(self, sample: Sample) -> bool:
        """Add a sample unless it is too old; samples that the ones before have aged leave first."""
        if self.samples:
            oldest_ns = self.samples[-1].stamp_ns - self.keep_ns
            if sample.stamp_ns < oldest_ns:
                return False
            del self.samples[: self._place(oldest_ns)]
        place = self._place(sample.stamp_ns)
        is_known = place < len(self.samples) and self.samples[place].stamp_ns == sample.stamp_ns
        self.samples[place : place + is_known] = [sample]
        return True

    def clear(self) -> None:
        """Forget all samples."""
        self.samples.clear()

    def latest(self) -> Sample | None:
        """Return the newest sample."""
        return self.samples[-1] if self.samples else None

    def oldest(self) -> Sample | None:
        """Return the oldest sample."""
        return self.samples[0] if self.samples else None

    def at(self, stamp_ns: int) -> Sample | None:
        """Return the frame's transform at a time, 0 being the newest; None when there is no sample.

        Raises ExtrapolationException for a time outside the samples.
        """
        if not self.samples or stamp_ns == 0:
            return self.latest()
        self._check(stamp_ns)
        place = self._place(stamp_ns)
        after = self.samples[place]
        if after.stamp_ns == stamp_ns:
            return after
        before = self.samples[place - 1]
        if before.parent != after.parent:
            return before
        share = (stamp_ns - before.stamp_ns) / (after.stamp_ns - before.stamp_ns)
        rigid = interpolate(before.parent_from_frame, after.parent_from_frame, share)
        return Sample(stamp_ns, before.parent, rigid)

    def _check(self, stamp_ns: int) -> None:
        first, last = self.samples[0].stamp_ns, self.samples[-1].stamp_ns
        if first <= stamp_ns <= last:
            return
        asked = f"Requested time {seconds(stamp_ns)} but the"
        if first == last:
            text = f"at time {seconds(stamp_ns)}, but only time {seconds(first)} is in the buffer"
        elif stamp_ns > last:
            text = f"into the future.  {asked} latest data is at time {seconds(last)}"
        else:
            text = f"into the past.  {asked} earliest data is at time {seconds(first)}"
        raise ExtrapolationException(f"Lookup would require extrapolation {text}")

    def _place(self, stamp_ns: int) -> int:
        return bisect_left(self.samples, stamp_ns, key=lambda sample: sample.stamp_ns)

    def __len__(self) -> int:
        return len(self.samples)


def seconds(stamp_ns: int) -> str:
    """Return a time as text."""
    return f"{stamp_ns / 1e9:.6f}"
