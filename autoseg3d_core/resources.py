"""Where bundled files lie: in a source checkout, a colcon workspace or a Python installation."""

from __future__ import annotations

import os
import sys
import xml.etree.ElementTree as ElementTree
from importlib import metadata
from pathlib import Path

from autoseg3d_core.errors import InputError

DISTRIBUTION = "autoseg3d-core"
SHARE = Path("share") / "autoseg3d"


def resource_path(name: str) -> Path:
    """Return the path of a bundled file or folder, e.g. `demo/recording`; raises `InputError` if missing."""
    tried = [base / name for base in _bases()]
    for path in tried:
        if path.exists():
            return path
    places = ", ".join(str(path.parent) for path in tried)
    raise InputError(f"the bundled {name} is missing (looked in {places}): reinstall the package")


def version() -> str:
    """Return the version that runs: of the checkout, of what pip installed, or of the ROS package."""
    beside = Path(__file__).resolve().parent.parent / "package.xml"
    if not beside.exists():
        try:
            return metadata.version(DISTRIBUTION)
        except metadata.PackageNotFoundError:
            beside = resource_path("package.xml")
    return ElementTree.parse(beside).findtext("version", default="unknown")


def _bases() -> list[Path]:
    checkout = Path(__file__).resolve().parent.parent
    prefixes = [Path(p) for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    return [checkout, *(prefix / SHARE for prefix in prefixes), Path(sys.prefix) / SHARE]
