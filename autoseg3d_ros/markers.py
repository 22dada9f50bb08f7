"""The set of tracks -> MarkerArray: ADD what is new or has changed, DELETE what is gone, never flicker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from geometry_msgs.msg import Point
from jaxtyping import Float, UInt8
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from autoseg3d_core.geometry.boxes import EDGES, box_axes, box_corners
from autoseg3d_core.structures import TrackTable
from autoseg3d_ros.messages import class_ids, name_of
from autoseg3d_ros.node_config import MarkersConfig

BOXES, LABELS = "boxes", "labels"
LABEL_GAP_M = 0.05
CUBE_OPACITY = 0.3
OCCLUDED_OPACITY = 0.35
RESEND_DELETES = 3
"""A viewer that missed a DELETE is told again with so many of the complete arrays."""


@dataclass
class _TrackMarkers:
    """The messages of one track, changed in place from frame to frame, and what they show."""

    box: Marker
    label: Marker
    corners: list[Point]
    shown: tuple[Any, ...]


def marker_id(track_id: int) -> int:
    """Return a track id as a marker id, which is a signed 32-bit number."""
    return track_id & 0x7FFFFFFF


def drawn(tracks: TrackTable, config: MarkersConfig, include_occluded: bool) -> TrackTable:
    """Return the tracks that get markers."""
    keep = np.ones(len(tracks), bool) if config.include_tentative else tracks.is_mature
    return tracks[keep if include_occluded else keep & (tracks.misses == 0)]


class MarkerSet:
    """Remembers what viewers show, and returns what to change."""

    def __init__(self) -> None:
        self._markers: dict[int, _TrackMarkers] = {}
        self._deleted: dict[int, int] = {}  # track id -> complete arrays that still repeat its DELETE
        self._config: MarkersConfig | None = None

    def update(
        self,
        header: Header,
        tracks: TrackTable,
        colors: UInt8[np.ndarray, "tracks 3"],
        config: MarkersConfig,
        names: Sequence[str] = (),
        resend: bool = False,
    ) -> MarkerArray:
        """Return the changes since the last call; with `resend` every marker, for viewers that came late."""
        if config != self._config:
            self._config, resend = config, True
            self._markers.clear()
        ids = tracks.ids.tolist()
        markers = self._deletions(header, ids, resend)
        boxes = tracks.oriented_boxes.round(4)
        corners, tops = box_corners(boxes).tolist(), _tops(boxes).tolist()
        labels, seen = class_ids(tracks.labels).tolist(), (tracks.misses == 0).tolist()
        scores = tracks.existence.round(2).tolist()
        for row, (track_id, box, color, label, score, is_seen) in enumerate(
            zip(ids, boxes.tolist(), colors.tolist(), labels, scores, seen, strict=True)
        ):
            shown = (box, color, label, score, is_seen)
            entry = self._markers.get(track_id)
            if entry is None:
                entry = self._markers[track_id] = _new_markers(track_id, config)
            elif entry.shown == shown and not resend:
                continue
            entry.shown = shown
            entry.label.text = f"#{track_id} {name_of(label, names)} {score:.2f}".replace("  ", " ")
            _show(entry, header, config, corners[row], tops[row])
            markers += [entry.box, entry.label] if config.labels else [entry.box]
        return MarkerArray(markers=markers)

    def clear(self, header: Header) -> MarkerArray:
        """Return what empties the viewers; only a reset may use it, because it flickers."""
        self._markers.clear()
        self._deleted.clear()
        return MarkerArray(markers=[Marker(header=header, action=Marker.DELETEALL)])

    def _deletions(self, header: Header, ids: list[int], resend: bool) -> list[Marker]:
        gone = self._markers.keys() - set(ids)
        for track_id in gone:
            del self._markers[track_id]
        again = {i: n - 1 for i, n in self._deleted.items() if n > 0 and i not in ids} if resend else {}
        told = sorted(gone | again.keys())
        self._deleted = {**(again if resend else self._deleted), **dict.fromkeys(gone, RESEND_DELETES)}
        return [
            Marker(header=header, ns=namespace, id=marker_id(track_id), action=Marker.DELETE)
            for track_id in told
            for namespace in (BOXES, LABELS)
        ]


def _new_markers(track_id: int, config: MarkersConfig) -> _TrackMarkers:
    box, label = Marker(), Marker()
    corners: list[Point] = []
    box.ns, label.ns = BOXES, LABELS
    box.type, label.type = Marker.CUBE, Marker.TEXT_VIEW_FACING
    if config.style == "lines":
        corners = [Point() for _ in range(8)]
        box.type = Marker.LINE_LIST
        box.points = [corners[end] for edge in EDGES for end in edge]
        box.scale.x = float(config.line_width_m)
    label.scale.z = float(config.text_height_m)
    label.color = ColorRGBA(r=1.0, g=1.0, b=1.0, a=1.0)
    for marker in (box, label):
        marker.id, marker.action = marker_id(track_id), Marker.ADD
        marker.pose.orientation.w = 1.0
        marker.lifetime.sec = int(config.lifetime_s)
        marker.lifetime.nanosec = int(config.lifetime_s % 1 * 1e9)
    return _TrackMarkers(box, label, corners, ())


def _tops(boxes: Float[np.ndarray, "boxes 10"]) -> Float[np.ndarray, "boxes 3"]:
    """Return the places just above the boxes."""
    return boxes[:, :3] + box_axes(boxes)[:, :, 2] * (boxes[:, 5:6] / 2 + LABEL_GAP_M)


def _show(
    entry: _TrackMarkers, header: Header, config: MarkersConfig, corners: list[list[float]], top: list[float]
) -> None:
    """Put a track's markers where its box is, in the colour of its state."""
    (x, y, z, length, width, height, *turn), (red, green, blue), _, _, is_seen = entry.shown
    box, label = entry.box, entry.label
    box.header = label.header = header
    color = box.color
    color.r, color.g, color.b = red / 255.0, green / 255.0, blue / 255.0
    if config.style == "lines":
        for corner, place in zip(entry.corners, corners, strict=True):
            corner.x, corner.y, corner.z = place
        color.a = 1.0 if is_seen else OCCLUDED_OPACITY
    else:
        at, way, size = box.pose.position, box.pose.orientation, box.scale
        at.x, at.y, at.z = x, y, z
        way.x, way.y, way.z, way.w = turn
        size.x, size.y, size.z = max(length, 1e-3), max(width, 1e-3), max(height, 1e-3)
        color.a = CUBE_OPACITY if is_seen else CUBE_OPACITY / 2
    at = label.pose.position
    at.x, at.y, at.z = top
