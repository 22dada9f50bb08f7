"""Whether a map stays true while its world changes: ghosts, duplicates, what is gone, moved and kept.

It knows of the map what everybody is told: label images, boxes and events. A track is of the object on which
most of its pixels have lain so far.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from autoseg3d_core.structures import EventKind, SceneUpdate, TrackTable

LEAST_PIXELS = 200
"""An object counts as mapped, or as seen again, from so many of its pixels on."""


@dataclass(frozen=True)
class WorldChange:
    """What has changed in the world since its first half, by the names of objects.

    `places` are the middles of those that moved, before and after. The places that those in `unseen` left
    were not looked at since, so nobody can know of it: they do not count.
    """

    removed: frozenset[int] = frozenset()
    moved: frozenset[int] = frozenset()
    places: dict[int, tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]] = field(default_factory=dict)
    unseen: frozenset[int] = frozenset()


@dataclass(frozen=True)
class MapScores:
    """Counts of one or more recordings; a share is of the count named after it."""

    frames: int = 0
    tracks: int = 0
    ghosts: int = 0
    duplicates: int = 0
    false_gone: int = 0
    removed: int = 0
    noticed: int = 0
    moved: int = 0
    known_again: int = 0
    stayed: int = 0
    kept: int = 0

    def __add__(self, other: MapScores) -> MapScores:
        """Return the counts of both."""
        return MapScores(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))


class MapTruth:
    """Takes the updates of one recording with their true label images, and scores the map in the end."""

    def __init__(self) -> None:
        self._pixels: Counter[tuple[int, int]] = Counter()
        self._halves: list[Counter[tuple[int, int]]] = [Counter()]
        self._gone: list[tuple[int, int]] = []
        self._ids_before: dict[int, int] = {}
        self._frames = 0

    def take(self, update: SceneUpdate, instance: Int[np.ndarray, "height width"]) -> None:
        """Take a frame."""
        for event in update.events:
            if event.kind is EventKind.GONE:
                self._gone.append((event.track_id, self._object_of(event.track_id)))
        both = (update.label_image > 0) & (instance > 0)
        pairs, counts = np.unique(
            np.stack([update.label_image[both], instance[both]]), axis=1, return_counts=True
        )
        seen = Counter({(int(t), int(o)): int(n) for t, o, n in zip(*pairs, counts, strict=True)})
        self._pixels += seen
        self._halves[-1] += seen
        self._frames += 1

    def half_is_over(self, tracks: TrackTable) -> None:
        """Take note of the id of each object before the world changes."""
        self._ids_before = self._ids(self._halves[-1], tracks)
        self._halves.append(Counter())

    def scores(self, tracks: TrackTable, change: WorldChange) -> MapScores:
        """Return what the map is worth in the end."""
        table = tracks[tracks.is_mature]
        after = self._ids(self._halves[-1], tracks)
        objects = [self._object_of(int(track_id)) for track_id in table.ids]
        middles = (table.boxes[:, :3] + table.boxes[:, 3:]) / 2
        is_ghost = [
            name not in change.unseen
            and (name in change.removed or _stands_at_old_place(name, middle, change))
            for name, middle in zip(objects, middles, strict=True)
        ]
        real = Counter(name for name, ghost in zip(objects, is_ghost, strict=True) if name and not ghost)
        before = self._ids_before
        gone = {track_id for track_id, _ in self._gone}
        held = set(tracks.ids.tolist())
        removed = [before[name] for name in change.removed - change.unseen if name in before]
        moved = [name for name in change.moved - change.unseen if name in before and name in after]
        changed = change.removed | change.moved
        stayed = [name for name in before if name in after and name not in changed]
        return MapScores(
            frames=self._frames,
            tracks=len(table),
            ghosts=sum(is_ghost),
            duplicates=sum(count - 1 for count in real.values()),
            false_gone=sum(name not in changed for _, name in self._gone),
            removed=len(removed),
            noticed=sum(track_id in gone or track_id not in held for track_id in removed),
            moved=len(moved),
            known_again=sum(after[name] == before[name] for name in moved),
            stayed=len(stayed),
            kept=sum(after[name] == before[name] for name in stayed),
        )

    def _object_of(self, track_id: int) -> int:
        """Return the object on which most pixels of a track have lain, 0 for none."""
        counts = {name: count for (track, name), count in self._pixels.items() if track == track_id}
        return max(counts, key=lambda name: counts[name], default=0)

    def _ids(self, pixels: Counter[tuple[int, int]], tracks: TrackTable) -> dict[int, int]:
        """Return the track with most pixels of each object, of those confirmed that are there."""
        there, best = set(tracks.ids[tracks.is_mature].tolist()), dict[int, tuple[int, int]]()
        for (track_id, name), count in pixels.items():
            if track_id in there and count >= max(LEAST_PIXELS, best.get(name, (0, 0))[0]):
                best[name] = count, track_id
        return {name: track_id for name, (_, track_id) in best.items()}


def _stands_at_old_place(name: int, middle: Float[np.ndarray, "3"], change: WorldChange) -> bool:
    if name not in change.places:
        return False
    before, after = change.places[name]
    return bool(np.linalg.norm(middle - before) < np.linalg.norm(middle - after))
