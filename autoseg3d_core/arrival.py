"""A map that was loaded in another start pose: kept aside until its place in this world is found."""

from __future__ import annotations

import dataclasses

import numpy as np

from autoseg3d_core.closure import correct_at
from autoseg3d_core.scene_map import SceneMap
from autoseg3d_core.structures import NO_ID, THE_MAP, Event, EventKind, Memory
from autoseg3d_core.tracking.constellation import Alignment, Landmarks, find_alignment
from autoseg3d_core.tracking.extent import Ruler
from autoseg3d_core.tracking.keyframes import ClosureConfig

LOOK_EVERY = 5
"""The place of a map is looked for once in so many frames."""


def find_place(loaded: Memory, here: Memory, voxel_size_m: float) -> Alignment | None:
    """Return where a loaded map lies in the world of what is seen here, or None while that is not sure."""
    if here.origin is None or loaded.origin is None:
        return None
    vertical = Ruler.of(here.origin, voxel_size_m).vertical
    if Ruler.of(loaded.origin, voxel_size_m).vertical != vertical:
        return None
    return find_alignment(Landmarks.of(loaded.tracks), Landmarks.of(here.tracks), vertical)


def arrive(
    scene: SceneMap,
    loaded: Memory,
    here: Memory,
    alignment: Alignment,
    config: ClosureConfig,
) -> tuple[Memory, tuple[Event, ...]]:
    """Move a loaded map, which the scene map holds now, to its place; return its memory, and what to say.

    What was mapped here since the start gives way: objects that the loaded map has go on under their ids
    there, others are found again by the next frames.
    """
    free = dataclasses.replace(config, max_m=np.inf)
    stamp = np.zeros(1, np.int64)
    memory, _ = correct_at(scene, loaded, stamp, alignment.world_from_map[None], free)
    old, new = (tracks.ids[tracks.mature].tolist() for tracks in (loaded.tracks, here.tracks))
    heirs = {new[mine]: old[theirs] for theirs, mine in alignment.pairs.tolist()}
    said = (
        Event(EventKind.JOINED, track_id, heirs[track_id])
        if track_id in heirs
        else Event(EventKind.REMOVED, track_id, NO_ID, "map_aligned")
        for track_id in here.tracks.ids.tolist()
    )
    count, off_m = len(alignment.pairs), alignment.off_m
    found = f"map_aligned: by {count} objects, {off_m:.2f} m off; {alignment.rival} agree with another place"
    return memory, (Event(EventKind.CORRECTED, THE_MAP, NO_ID, found), *said)
