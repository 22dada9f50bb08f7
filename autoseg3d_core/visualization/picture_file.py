"""Pictures as files."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8


def write_picture(path: Path, rgb: UInt8[np.ndarray, "height width 3"]) -> None:
    """Write a colour picture, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
