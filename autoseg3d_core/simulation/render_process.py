"""A process of its own for rendering: GL drivers in software bring an LLVM that clashes with that of Triton.

One child serves all renderers of a process; it ends when its parent does. `python -m` runs the child's side.
"""

from __future__ import annotations

import atexit
import itertools
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from typing import Any

from autoseg3d_core.errors import InputError
from autoseg3d_core.simulation.gl_context import NO_GL, available_backend, load_mujoco
from autoseg3d_core.simulation.scene_model import SceneModel
from autoseg3d_core.structures import CameraIntrinsics

OPEN, CLOSE = "open", "close"


class RenderProcess:
    """The parent's side: sends what is to be drawn, and waits for the images.

    All traffic runs in one thread, so callers may come from any, and Ctrl-C never leaves half a message.
    """

    def __init__(self) -> None:
        self.owner = os.getpid()
        self._numbers = itertools.count()
        self._traffic = ThreadPoolExecutor(1, "render")
        self._connection, theirs = Pipe()
        command = [sys.executable, "-m", "autoseg3d_core.simulation.render_process", str(theirs.fileno())]
        self._child = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, start_new_session=True
        )
        theirs.close()

    @property
    def is_alive(self) -> bool:
        """Whether it still answers, in the process that started it."""
        return self.owner == os.getpid() and self._child.poll() is None

    def open_drawing(self, scene: SceneModel, camera: CameraIntrinsics, shadows: bool) -> int:
        """Return the number of a new drawing; raises `InputError` if nothing can be rendered here."""
        number = next(self._numbers)
        self.ask(number, OPEN, scene, camera, shadows)
        return number

    def close_drawing(self, number: int) -> None:
        """Free a drawing, if the process still lives; waits for nothing, so that a finalizer may call it."""
        if self.is_alive:
            with suppress(RuntimeError):  # ending already
                self._traffic.submit(self._exchange, (number, CLOSE, ()))

    def ask(self, number: int, name: str, *arguments: Any) -> Any:
        """Return what a method of a drawing returns; raises what it raises."""
        if self.owner != os.getpid():  # the thread that talks to the child is not in a fork
            raise RuntimeError(
                "a renderer belongs to the process that made it: open the sequence in this one"
            )
        answer, error = self._traffic.submit(self._exchange, (number, name, arguments)).result()
        if error is not None:
            raise error
        return answer

    def end(self) -> None:
        """End the child, and wait for it."""
        if self.owner != os.getpid():
            return
        self._traffic.shutdown()
        self._connection.close()
        self._child.wait()

    def _exchange(self, request: tuple[int, str, tuple[Any, ...]]) -> tuple[Any, Exception | None]:
        try:
            self._connection.send(request)
            return self._connection.recv()
        except (EOFError, OSError):
            return None, InputError(
                f"the process that renders ended with code {self._child.wait()}: see what `autoseg3d doctor` "
                "says of GL"
            )


_process: RenderProcess | None = None


def render_process() -> RenderProcess:
    """Return the process that renders for this one; the first call starts it."""
    global _process
    if _process is None or not _process.is_alive:
        _process = RenderProcess()
        atexit.register(_process.end)
    return _process


def serve(connection: Connection) -> None:
    """Draw what the parent asks for, until it goes away."""
    from autoseg3d_core.simulation.drawing import Drawing  # only the child loads a GL library

    load_mujoco(available_backend() or NO_GL)  # before a model comes along and imports it
    drawings: dict[int, Drawing] = {}
    while True:
        try:
            number, name, arguments = connection.recv()
        except EOFError:
            return
        answer, error = None, None
        try:
            if name == OPEN:
                drawings[number] = Drawing(*arguments)
            elif name == CLOSE:
                drawings.pop(number).close()
            else:
                answer = getattr(drawings[number], name)(*arguments)
        except Exception as raised:
            error = raised
        connection.send((answer, error))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    serve(Connection(int(sys.argv[1])))
