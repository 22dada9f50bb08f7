"""A tree of coordinate frames over time, read from a recording rather than live."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Float64
from scipy.spatial.transform import Rotation, Slerp

from autoseg3d_core.geometry.transforms import inverse_rigid, pose_from_quaternion
from autoseg3d_core.structures import InputError


@dataclass
class _Edge:
    """The transforms of one child in its parent, by stamp."""

    parent: str
    static: bool
    stamps: list[int] = field(default_factory=list)
    rows: list[np.ndarray] = field(default_factory=list)  # x y z, qx qy qz qw


class TransformTree:
    """Collects transforms, then answers for any two connected frames at a stamp.

    Between two samples translation is interpolated linearly and rotation spherically; before the first
    and after the last there is no answer.
    """

    def __init__(self) -> None:
        self._edges: dict[str, _Edge] = {}

    def add(
        self,
        parent: str,
        child: str,
        stamp_ns: int,
        translation: Float[np.ndarray, "3"],
        quaternion: Float[np.ndarray, "4"],
        static: bool = False,
    ) -> None:
        """Add where `child` lies in `parent`: metres, and a quaternion (x, y, z, w).

        A transform that is not finite, has no rotation, or joins a frame to itself is passed over, as
        tf2 does. A new parent replaces the old one.
        """
        parent, child = parent.lstrip("/"), child.lstrip("/")
        row = np.concatenate([translation, quaternion]).astype(np.float64)
        if not np.isfinite(row).all() or np.linalg.norm(row[3:]) < 1e-6 or parent == child:
            return
        edge = self._edges.get(child)
        if edge is None or edge.parent != parent or static or edge.static:
            edge = self._edges[child] = _Edge(parent, static)
        place = bisect_left(edge.stamps, stamp_ns)
        if place < len(edge.stamps) and edge.stamps[place] == stamp_ns:
            edge.rows[place] = row
        else:
            edge.stamps.insert(place, stamp_ns)
            edge.rows.insert(place, row)

    @property
    def frames(self) -> list[str]:
        """Return the names of all frames, sorted."""
        return sorted({*self._edges, *(edge.parent for edge in self._edges.values())})

    def is_fixed(self, frame: str) -> bool:
        """Tell whether all transforms from a frame up to its root are static."""
        return all(self._edges[name].static for name in self.chain(frame)[:-1])

    def lookup(self, target: str, source: str, stamp_ns: int) -> Float64[np.ndarray, "4 4"]:
        """Return `target_from_source` at a stamp; raises `InputError` with the reason."""
        target, source = target.lstrip("/"), source.lstrip("/")
        for frame in (target, source):
            if frame not in self.frames:
                raise InputError(f"frame {frame!r} is not in TF (known: {', '.join(self.frames) or 'none'})")
        up, down = self.chain(source), self.chain(target)
        common = next((frame for frame in up if frame in down), None)
        if common is None:
            raise InputError(f"frames {target!r} and {source!r} are not connected in TF")
        common_from_source = self._along(up[: up.index(common)], stamp_ns)
        common_from_target = self._along(down[: down.index(common)], stamp_ns)
        return inverse_rigid(common_from_target) @ common_from_source

    def chain(self, frame: str) -> list[str]:
        """Return the frame, its parent, and so on to the root."""
        chain = [frame]
        while chain[-1] in self._edges:
            parent = self._edges[chain[-1]].parent
            if parent in chain:
                raise InputError(f"TF has a loop: {' -> '.join([*chain, parent])}")
            chain.append(parent)
        return chain

    def _along(self, frames: list[str], stamp_ns: int) -> Float64[np.ndarray, "4 4"]:
        pose = np.eye(4)
        for frame in frames:
            pose = self._at(frame, stamp_ns) @ pose
        return pose

    def _at(self, child: str, stamp_ns: int) -> Float64[np.ndarray, "4 4"]:
        """Return where a child lies in its parent at a stamp."""
        edge = self._edges[child]
        if edge.static:
            return pose_from_quaternion(edge.rows[-1][:3], edge.rows[-1][3:])
        first, last = edge.stamps[0], edge.stamps[-1]
        if not first <= stamp_ns <= last:
            side, gap = (
                ("before the first", first - stamp_ns)
                if stamp_ns < first
                else ("after the last", stamp_ns - last)
            )
            raise InputError(
                f"no transform {edge.parent!r} from {child!r}: {gap / 1e6:.1f} ms {side} of the recording"
            )
        after = bisect_left(edge.stamps, stamp_ns)
        if edge.stamps[after] == stamp_ns:
            return pose_from_quaternion(edge.rows[after][:3], edge.rows[after][3:])
        return _between(edge, after, stamp_ns)


def _between(edge: _Edge, after: int, stamp_ns: int) -> Float64[np.ndarray, "4 4"]:
    start, end = edge.rows[after - 1], edge.rows[after]
    share = (stamp_ns - edge.stamps[after - 1]) / (edge.stamps[after] - edge.stamps[after - 1])
    turn = Slerp([0.0, 1.0], Rotation.from_quat(np.stack([start[3:], end[3:]])))(share)
    return pose_from_quaternion((1 - share) * start[:3] + share * end[:3], turn.as_quat())
