"""A snapshot into its file, and out of it where it fits the model that is built now."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from autoseg3d_core.snapshot import file
from autoseg3d_core.snapshot.tables import filled, named_tensors
from autoseg3d_core.structures import InputError, MadeBy, Snapshot


def save_snapshot(path: str | Path, snapshot: Snapshot, made_by: MadeBy) -> None:
    """Write a snapshot, or leave the file that is there; raises `InputError` where it cannot be written."""
    file.write(path, dict(named_tensors(snapshot)), dataclasses.asdict(made_by))


def load_snapshot(path: str | Path, like: Snapshot, made_by: MadeBy) -> Snapshot:
    """Read a snapshot that fits an empty one of the model that is built now.

    Raises `InputError` for a file that is none, is damaged, was made by something else, or does not fit.
    """
    tensors, about = file.read(path)
    difference = _difference(about, made_by)
    if difference:
        raise InputError(f"{path} {difference}")
    try:
        snapshot: Snapshot = filled(like, tensors)
    except InputError as error:
        raise InputError(f"{path} does not fit: {error}") from error
    ids, next_id = snapshot.memory.tracks.ids, snapshot.memory.next_id
    is_ascending = bool((ids.diff() > 0).all())
    if not is_ascending or (len(ids) and not 0 < int(ids[0]) <= int(ids[-1]) < next_id):
        raise InputError(f"{path} does not fit: its ids do not ascend from 1 to the next one, {next_id}")
    return snapshot


def _difference(about: dict[str, Any], now: MadeBy) -> str:
    """Return in what a file's maker differs from who reads it, and what to do about it."""
    if about.get("model") != now.model:
        return f"was made by model.name={about.get('model')}, and this is {now.model}"
    if about.get("weights") != now.weights:
        return (
            f"was made with other weights (sha256 {str(about.get('weights'))[:12]}..., and now "
            f"{now.weights[:12]}...): give those in model.network.weights"
        )
    if about.get("world") and now.world and about["world"] != now.world:
        return f"was made in the frame {about['world']!r}, and this is {now.world!r}"
    then = about.get("settings", {})
    other = [f"{key}={then.get(key)}" for key, value in now.settings.items() if then.get(key) != value]
    return f"was made with {', '.join(other)}: set this to load it" if other else ""
