"""A file that takes the place of another only when it is whole: whoever is killed leaves the old one."""

from __future__ import annotations

import errno
import glob
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

PART_BYTES = 4
"""Random bytes in the name of a file that is being written."""
LEFT_AFTER_S = 60.0
"""A file to which nothing has been written for so long was left by somebody who was killed."""


@contextmanager
def replacing(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file that becomes `path` when the block ends well, readable by whom the umask lets read files.

    What is written goes to another file in the same folder, which is removed when the block fails; so is what
    somebody left there who was killed while writing. Raises `OSError` for a place that cannot be written,
    and for one that is no plain file.
    """
    target = Path(path).resolve()  # the file that a link leads to, not the link
    if target.exists() and not target.is_file():
        raise OSError(errno.EINVAL, "not a plain file")
    _remove_leftovers(target)
    part = target.with_name(f".{target.name}.{secrets.token_hex(PART_BYTES)}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _remove_leftovers(target: Path) -> None:
    """Remove files that were begun for this target and that nobody has written to for a while."""
    middle = "[0-9a-f]" * (2 * PART_BYTES)
    for part in target.parent.glob(f".{glob.escape(target.name)}.{middle}.part"):
        with suppress(OSError):  # another one may have removed it, or it is not ours to remove
            if time.time() - part.stat().st_mtime > LEFT_AFTER_S:
                part.unlink()


def _sync_folder(folder: Path) -> None:
    """Let the new name outlast a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
