"""The node as a process of its own, started and stopped the way `ros2 launch` does."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from autoseg3d_core.structures import InputError

STOP_TIMEOUT_S = 10.0


class LiveNode:
    """Runs `autoseg3d_node` with parameters and remappings for the length of a `with` block."""

    def __init__(self, parameters: Mapping[str, object], remappings: Mapping[str, str], log: Path) -> None:
        arguments = ["--ros-args"]
        for name, value in parameters.items():
            arguments += ["-p", f"{name}:={_as_yaml(value)}"]
        for name, target in remappings.items():
            arguments += ["-r", f"{name}:={target}"]
        self._command = [sys.executable, "-m", "autoseg3d_ros.entry", *arguments]
        self._log = log
        self.exit_code: int | None = None

    def __enter__(self) -> LiveNode:
        """Start the process."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=subprocess.STDOUT)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it with SIGINT, as Ctrl-C does, and keep its exit code."""
        self._process.send_signal(signal.SIGINT)
        try:
            self.exit_code = self._process.wait(timeout=STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self.exit_code = self._process.wait()

    def check_alive(self) -> None:
        """Raise `InputError` with the end of its log when the node has ended by itself."""
        if self._process.poll() is not None:
            raise InputError(f"the node ended early; {self.last_words()}")

    def last_words(self) -> str:
        """Return the end of its log."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
        return "\n".join(["its last output:", *lines])


def _as_yaml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
