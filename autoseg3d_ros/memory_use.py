"""How much memory the process and its GPU use."""

from __future__ import annotations

import os
from pathlib import Path

import torch


def gpu_bytes() -> tuple[int, int]:
    """Return what torch has allocated and reserved on the GPU, zeros without one in use."""
    if not torch.cuda.is_initialized():
        return 0, 0
    return torch.cuda.memory_allocated(), torch.cuda.memory_reserved()


def release_gpu() -> None:
    """Give cached GPU memory back to the driver."""
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def process_bytes() -> int:
    """Return the resident memory of this process, 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
