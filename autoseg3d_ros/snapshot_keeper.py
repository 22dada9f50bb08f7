"""The node's own snapshot: loaded at the start, saved every so often and in the end."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autoseg3d_core.structures import InputError
from autoseg3d_ros.node_config import SnapshotConfig
from autoseg3d_ros.session import Session


class SnapshotKeeper:
    """Keeps one session's snapshot in `snapshot.file`; what cannot be done is one line in the log.

    The first file that it saves does not take the place of one that this session has not read: that becomes
    FILE.before. All but `is_due` runs where no frame is being worked on.
    """

    def __init__(self, config: Callable[[], SnapshotConfig], session: Session, logger: Any) -> None:
        self._config, self._session, self._logger = config, session, logger
        self._is_ours = False
        self._last_try_s = time.monotonic()
        self._saved = session.progress

    def load(self) -> None:
        """Load the file if the node is to begin with it; begin empty where it cannot be loaded."""
        if not self._config().load:
            return
        try:
            loaded = self._session.load_map(self._config().file)
        except InputError as error:
            self._logger.error(f"starting empty: {error}")
            return
        waits = self._config().align == "objects"  # what is saved before it has arrived is not all of it
        self._is_ours, self._saved = not waits, self._session.progress
        found = "its place is looked for" if waits else f"{loaded.instances} tracks, {loaded.points} points"
        self._logger.info(f"loaded {loaded.path}: {found}")

    def is_due(self) -> bool:
        """Tell whether it is time to save, and there is something new; true once in a period."""
        every_s, now = self._config().every_s, time.monotonic()
        if not 0 < every_s <= now - self._last_try_s or not self._has_news():
            return False
        self._last_try_s = now
        return True

    def save(self) -> None:
        """Save to the file."""
        path = Path(self._config().file).expanduser()
        try:
            if not self._is_ours:
                _put_aside(path)
            self._session.save_map(str(path), "snapshot", True)
        except (InputError, OSError) as error:
            self._logger.error(f"not saved: {error}")
            return
        self._is_ours, self._saved = True, self._session.progress

    def save_in_the_end(self) -> None:
        """Save what is new, if the node is to do so before it ends."""
        if self._config().at_shutdown and self._has_news():
            self.save()

    def _has_news(self) -> bool:
        """Tell whether there were frames since the last time; nothing at all is not worth a file."""
        epoch, frames = self._session.progress
        return frames > 0 and (epoch, frames) != self._saved


def _put_aside(path: Path) -> None:
    if path.is_file():
        path.replace(path.with_name(f"{path.name}.before"))
