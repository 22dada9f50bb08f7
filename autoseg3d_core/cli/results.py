"""A folder of results: a run that ends well replaces earlier ones, any other leaves them as they were."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from autoseg3d_core.errors import InputError

UNFINISHED = ".unfinished"
"""Where a run writes, inside the folder for results, which may be a mount point: so on the same disk."""
EARLIER = ".earlier"
"""Where earlier results wait inside `UNFINISHED` to be removed."""
CANNOT_LOCK = (errno.EBADF, errno.ENOLCK, errno.ENOTSUP)
"""What file systems without locks answer; two runs into one folder are then not noticed."""


@contextmanager
def results_folder(path: str | Path, names: Collection[str]) -> Iterator[Path]:
    """Return a folder to write results of these names to; they replace earlier ones when the block ends well.

    If the block fails, what it wrote is removed, and earlier results stay. What a killed run left behind is
    removed by the next. Raises `InputError`, and changes nothing, if the folder contains anything else, or
    cannot be made, or is being written by another run.
    """
    folder = Path(path)
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise _unusable(path, error) from error
    try:
        _lock(held, path)
        _refuse_strangers(folder, names)
        part = folder / UNFINISHED
        try:
            _remove(part)
            part.mkdir()
        except OSError as error:
            raise _unusable(path, error) from error
        try:
            yield part
            _replace(folder, part)
        finally:
            _remove(part)
    finally:
        os.close(held)
        if is_new:
            with suppress(OSError):  # it holds the results
                folder.rmdir()


def list_results(folder: str | Path, about: Mapping[str, str]) -> str:
    """Return lines that name a run's results, those of `about` that are there, and what each is."""
    found = {name: text for name, text in about.items() if (Path(folder) / name).exists()}
    shown = [f"{name}/" if (Path(folder) / name).is_dir() else name for name in found]
    width = max(map(len, shown), default=0)
    lines = [f"  {name:{width}}  {text}" for name, text in zip(shown, found.values(), strict=True)]
    return "\n".join([f"written to {folder}:", *lines])


def _unusable(path: str | Path, error: OSError) -> InputError:
    return InputError(f"{path}: cannot be used as a folder for results ({error.strerror})")


def _lock(held: int, path: str | Path) -> None:
    """Keep other runs out of an open folder until it is closed."""
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InputError(
            f"{path}: another run is writing there: wait for it, or choose another folder"
        ) from error
    except OSError as error:
        if error.errno not in CANNOT_LOCK:
            raise


def _refuse_strangers(folder: Path, names: Collection[str]) -> None:
    strangers = sorted(entry.name for entry in folder.iterdir() if entry.name not in (*names, UNFINISHED))
    if strangers:
        few = ", ".join(strangers[:3]) + (" and more" if len(strangers) > 3 else "")
        raise InputError(f"{folder}: contains {few}, not written by an earlier run: choose another folder")


def _replace(folder: Path, part: Path) -> None:
    """Move earlier results out of the folder, and the new ones into it."""
    new, earlier = list(part.iterdir()), part / EARLIER
    earlier.mkdir()
    for entry in list(folder.iterdir()):
        if entry != part:
            entry.rename(earlier / entry.name)
    for entry in new:
        entry.rename(folder / entry.name)


def _remove(path: Path) -> None:
    """Remove a folder with all that is in it, or a file; of a link only the link."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
