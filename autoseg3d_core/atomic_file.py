"""A file that takes the place of another only when it is whole: whoever is killed leaves the old one."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file that becomes `path` when the block ends well, readable by whom the umask lets read files.

    What is written goes to another file in the same folder, which is removed when the block fails. Raises
    `OSError` for a place that cannot be written, and for one that is no plain file.
    """
    target = Path(path).resolve()  # the file that a link leads to, not the link
    if target.exists() and not target.is_file():
        raise OSError(errno.EINVAL, "not a plain file")
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
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


def _sync_folder(folder: Path) -> None:
    """Let the new name outlast a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
