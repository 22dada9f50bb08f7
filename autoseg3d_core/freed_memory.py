"""Memory that one frame frees is kept for the next, instead of going back to the system."""

from __future__ import annotations

import ctypes

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""The options' numbers in glibc's malloc.h."""
KEPT_BYTES = 512 << 20
"""So much free memory is kept at most."""
LARGEST_BYTES = 32 << 20
"""A larger array goes back at once; glibc allows no more."""


def keep_freed_memory() -> bool:
    """Tell the C library to keep what is freed; returns whether it can (glibc's can).

    A frame makes and drops hundreds of arrays of megabytes; otherwise each is mapped anew, page by page.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(MMAP_THRESHOLD, LARGEST_BYTES)) and bool(mallopt(TRIM_THRESHOLD, KEPT_BYTES))
