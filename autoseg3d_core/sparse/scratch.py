"""Scratch memory for large intermediate results on a CPU.

A fresh block of tens of megabytes costs more in page faults than the arithmetic that fills it. Each
thread keeps one block per purpose, as large as the largest asked for; a GPU's allocator does this itself.
"""

from __future__ import annotations

import threading

import torch
from torch import Tensor

_blocks = threading.local()


def scratch(purpose: str, rows: int, columns: int, like: Tensor) -> Tensor:
    """Return an uninitialised (rows, columns) tensor, valid until this thread asks for the purpose again."""
    if like.device.type != "cpu":
        return like.new_empty(rows, columns)
    key = f"{purpose} {like.dtype}"
    block = getattr(_blocks, key, None)
    if block is None or block.numel() < rows * columns:
        with torch.inference_mode(False):  # one made in inference mode could not be written to outside of it
            block = torch.empty(rows * columns, dtype=like.dtype)
        setattr(_blocks, key, block)
    return block[: rows * columns].view(rows, columns)
