"""Whether the Python packages that the node needs are there and fit together."""

from __future__ import annotations

import importlib
import importlib.util

NEEDED = ("numpy", "cv2", "scipy", "yaml", "tqdm", "torch", "jaxtyping", "safetensors")
COMPILED_FOR_NUMPY = ("numpy", "cv2", "scipy.optimize")
"""Modules that a system's package manager builds for one NumPy, and that pip may have put beside another."""
REMEDY = 'install the Python packages as README.md says under "On a robot"; `autoseg3d doctor` lists them'


def problem_of_packages() -> str:
    """Return in one sentence which package is missing or does not work, empty when all are well."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        return f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed: {REMEDY}"
    for name in COMPILED_FOR_NUMPY:
        try:
            importlib.import_module(name)
        except Exception as error:  # a build for another NumPy raises whatever it likes
            return f"{name} cannot be used with NumPy {_version('numpy')} ({_short(error)}): {REMEDY}"
    return ""


def _version(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return "of unknown version"


def _short(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1][:120]
