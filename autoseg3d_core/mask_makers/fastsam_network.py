"""The network of FastSAM: a YOLO segmentation network of ultralytics, imported and never copied (AGPL-3.0).

ultralytics is asked to stay quiet, off the network, and not to install anything by itself.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

from torch import nn

from autoseg3d_core.errors import InputError

SMALL = "yolo11n-seg.yaml"
"""The architecture of the bundled weights: the n-size network of YOLO11 with one class."""
QUIET = {"YOLO_VERBOSE": "False", "YOLO_AUTOINSTALL": "False", "YOLO_OFFLINE": "True"}


def ultralytics_module(name: str) -> Any:
    """Return a module of ultralytics; raises `InputError` with the command that installs it."""
    for key, value in QUIET.items():
        os.environ.setdefault(key, value)
    try:
        return importlib.import_module(f"ultralytics.{name}")
    except ImportError as error:
        raise InputError(
            f"FastSAM and SAM need the package ultralytics ({error}): pip install ultralytics "
            "(AGPL-3.0, see NOTICE), or set masks.name=geometric"
        ) from error


def empty_network(architecture: str | dict[str, Any] = SMALL, classes: int = 1) -> nn.Module:
    """Return a segmentation network with random weights; ultralytics names or describes architectures."""
    return ultralytics_module("nn.tasks").SegmentationModel(architecture, nc=classes, verbose=False)
