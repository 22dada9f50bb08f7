"""An operator's edits of tracks: hidden ones and given names, over frames, joins and restarts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch

from autoseg3d_core.structures import (
    NO_ID,
    Edits,
    Event,
    EventKind,
    InputError,
    LabelledCloud,
    SceneUpdate,
    TrackTable,
)
from autoseg3d_core.structures.edits import LONGEST_NAME

ENDED = (EventKind.REMOVED, EventKind.JOINED)
"""After these a track does not come back; one that is gone may be known again elsewhere."""


def hide(edits: Edits, track_id: int) -> Edits:
    """Return edits that hide a track from here on."""
    row = _row(edits, track_id)
    return _with(edits, dataclasses.replace(row, is_hidden=torch.ones_like(row.is_hidden)))


def name(edits: Edits, track_id: int, text: str) -> Edits:
    """Return edits that call a track so from here on; an empty name leaves it to the model again.

    Raises `InputError` for a name that is too long or holds control characters.
    """
    coded = text.encode()
    if len(coded) > LONGEST_NAME or not (text.isprintable() or not text):
        raise InputError(f"label {text!r}: use at most {LONGEST_NAME} bytes of printable text")
    row = _row(edits, track_id)
    padded = torch.tensor([[*coded, *bytes(LONGEST_NAME - len(coded))]], dtype=torch.uint8)
    return _with(edits, dataclasses.replace(row, names=padded))


def given_names(edits: Edits) -> dict[int, str]:
    """Return the names that were given, by track id."""
    texts = (bytes(row).rstrip(b"\0").decode() for row in edits.names.numpy())
    return {i: text for i, text in zip(edits.ids.tolist(), texts, strict=True) if text}


def hidden_ids(edits: Edits) -> np.ndarray:
    """Return the ids of hidden tracks."""
    return edits.ids[edits.is_hidden].numpy()


def follow(edits: Edits, events: Sequence[Event]) -> Edits:
    """Return the edits after a frame: an heir takes the name of what joined it, if it has none."""
    if len(edits) == 0:
        return edits
    names = given_names(edits)
    for event in events:
        joined = names.get(event.track_id)
        if event.kind is EventKind.JOINED and joined and event.other_id not in names:
            edits = name(edits, event.other_id, joined)
    ended = torch.tensor([event.track_id for event in events if event.kind in ENDED], dtype=torch.int64)
    return edits[~torch.isin(edits.ids, ended)]


def shown(update: SceneUpdate, edits: Edits) -> SceneUpdate:
    """Return a frame's update without hidden tracks."""
    hidden = hidden_ids(edits)
    if len(hidden) == 0:
        return update
    labels = update.label_image
    return dataclasses.replace(
        update,
        label_image=np.where(np.isin(labels, hidden), np.int32(NO_ID), labels),
        cloud=shown_cloud(update.cloud, edits),
        tracks=shown_tracks(update.tracks, edits),
        mask_ids=np.where(np.isin(update.mask_ids, hidden), NO_ID, update.mask_ids),
        events=tuple(_shown_events(update.events, frozenset(hidden.tolist()))),
    )


def shown_tracks(tracks: TrackTable, edits: Edits) -> TrackTable:
    """Return a table without hidden tracks."""
    hidden = hidden_ids(edits)
    return tracks[~np.isin(tracks.ids, hidden)] if len(hidden) else tracks


def shown_cloud(cloud: LabelledCloud, edits: Edits) -> LabelledCloud:
    """Return a cloud whose points on hidden tracks are on none."""
    hidden = hidden_ids(edits)
    if len(hidden) == 0:
        return cloud
    return dataclasses.replace(cloud, ids=np.where(np.isin(cloud.ids, hidden), NO_ID, cloud.ids))


def _shown_events(events: Sequence[Event], hidden: frozenset[int]) -> list[Event]:
    """Return the events of visible tracks; what joins a hidden one is removed with it."""
    return [
        Event(EventKind.REMOVED, event.track_id, NO_ID, "user") if event.other_id in hidden else event
        for event in events
        if event.track_id not in hidden
    ]


def _row(edits: Edits, track_id: int) -> Edits:
    """Return the row of a track, one that says nothing where it has none."""
    found = edits[edits.ids == track_id]
    if len(found):
        return found
    return Edits(
        torch.tensor([track_id]),
        torch.zeros(1, dtype=torch.bool),
        torch.zeros(1, LONGEST_NAME, dtype=torch.uint8),
    )


def _with(edits: Edits, row: Edits) -> Edits:
    return edits[edits.ids != row.ids[0]].append(row)
