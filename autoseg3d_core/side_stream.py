"""A stream of its own on a GPU, for work that another thread does beside the main one; elsewhere nothing."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor


class SideStream:
    """Work in a stream of its own, whose results go to the stream that uses them.

    `cuda` stands in for `torch.cuda` in tests.
    """

    def __init__(self, device: torch.device, cuda: Any = torch.cuda) -> None:
        self._cuda = cuda
        self._stream = cuda.Stream(device) if device.type == "cuda" else None

    def running(self) -> AbstractContextManager[None]:
        """Return a context whose body works in this stream."""
        return nullcontext() if self._stream is None else self._cuda.stream(self._stream)

    def hand_over(self, made: Tensor | None) -> None:
        """Let the stream in use wait for what was made here, and keep its memory until it is done with it."""
        if self._stream is None or made is None:
            return
        user = self._cuda.current_stream(made.device)
        user.wait_stream(self._stream)
        made.record_stream(user)
