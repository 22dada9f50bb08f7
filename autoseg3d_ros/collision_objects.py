"""Tracks -> moveit_msgs/CollisionObject: a box per object, sent when it comes, changes or goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64
from std_msgs.msg import Header

from autoseg3d_core.structures import TrackTable
from autoseg3d_ros.messages import class_ids, name_of

CHANGED_M, CHANGED_DEG = 0.01, 2.0
"""A box that moved, grew or turned by less is not sent again: a planner would plan anew for nothing."""
THINNEST_M = 0.01
"""Boxes are at least as thick, as planners refuse or miss flat ones."""


class CollisionObjects:
    """Knows which boxes a planning scene has, and says what has to be sent to bring it up to date.

    Ids are `PREFIX_TRACK`, so that several nodes and a user's own objects share a scene.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._ids: Int64[np.ndarray, " sent"] = np.zeros(0, np.int64)
        self._boxes: Float64[np.ndarray, "sent 10"] = np.zeros((0, 10))

    def update(self, header: Header, tracks: TrackTable, names: Sequence[str], resend: bool) -> list[Any]:
        """Return what changed since the last time, or all there is: removals, then boxes.

        Only confirmed objects are obstacles; those that are not seen now still are.
        """
        tracks = tracks[tracks.is_mature]
        boxes = tracks.oriented_boxes.astype(np.float64)
        gone = np.setdiff1d(self._ids, tracks.ids)
        is_new = np.ones(len(tracks), bool) if resend else self._differs(tracks.ids, boxes)
        kept = np.isin(self._ids, tracks.ids[~is_new])
        ids = np.concatenate([self._ids[kept], tracks.ids[is_new]])
        order = np.argsort(ids)
        self._boxes = np.concatenate([self._boxes[kept], boxes[is_new]])[order]
        self._ids = ids[order]
        labels = class_ids(tracks.labels)[is_new].tolist()
        rows = zip(tracks.ids[is_new].tolist(), boxes[is_new].tolist(), labels, strict=True)
        added = [self._box(header, name_of(label, names), track, box) for track, box, label in rows]
        return [*self._removed(header, gone), *added]

    def clear(self, header: Header) -> list[Any]:
        """Return what removes all that was sent."""
        gone, self._ids, self._boxes = self._ids, self._ids[:0], self._boxes[:0]
        return self._removed(header, gone)

    def _differs(
        self, ids: Int64[np.ndarray, " tracks"], boxes: Float64[np.ndarray, "tracks 10"]
    ) -> np.ndarray:
        """Tell which tracks have not been sent, or with another box."""
        rows = np.minimum(np.searchsorted(self._ids, ids), max(len(self._ids) - 1, 0))
        if len(self._ids) == 0:
            return np.ones(len(ids), bool)
        sent = self._boxes[rows]
        shifted = np.abs(sent[:, :6] - boxes[:, :6]).max(axis=1) > CHANGED_M
        same = np.abs((sent[:, 6:] * boxes[:, 6:]).sum(axis=1))
        turned = 2 * np.degrees(np.arccos(np.minimum(same, 1.0))) > CHANGED_DEG
        return (self._ids[rows] != ids) | shifted | turned

    def _removed(self, header: Header, ids: Int64[np.ndarray, " gone"]) -> list[Any]:
        from moveit_msgs.msg import CollisionObject

        return [
            CollisionObject(header=header, id=self._name(track), operation=CollisionObject.REMOVE)
            for track in ids.tolist()
        ]

    def _box(self, header: Header, label: str, track: int, box: list[float]) -> Any:
        from geometry_msgs.msg import Pose
        from moveit_msgs.msg import CollisionObject
        from shape_msgs.msg import SolidPrimitive

        message = CollisionObject(header=header, id=self._name(track), operation=CollisionObject.ADD)
        message.type.key = label
        at, turn = message.pose.position, message.pose.orientation
        at.x, at.y, at.z = box[:3]
        turn.x, turn.y, turn.z, turn.w = box[6:]
        sides = [max(side, THINNEST_M) for side in box[3:6]]
        message.primitives = [SolidPrimitive(type=SolidPrimitive.BOX, dimensions=sides)]
        message.primitive_poses = [Pose()]
        return message

    def _name(self, track: int) -> str:
        return f"{self._prefix}_{track}"
