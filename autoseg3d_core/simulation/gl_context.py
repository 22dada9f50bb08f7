"""MuJoCo, and the GL library that it renders with: one without the other, each loaded when first needed."""

from __future__ import annotations

import ctypes
import importlib
import os
from types import ModuleType
from typing import Any

from autoseg3d_core.structures import InputError

LIBRARIES = {
    "egl": ("libEGL.so.1", "libEGL.so"),
    "osmesa": ("libOSMesa.so.8", "libOSMesa.so.6", "libOSMesa.so"),
}
"""Backends that need no display, in the order in which they are tried."""
CHOICE, NO_GL = "MUJOCO_GL", "disable"
"""The variable that chooses a backend when MuJoCo is imported, and its value for none."""
ADVICE = "install one with: sudo apt install libegl1 (or libosmesa6, with MUJOCO_GL=osmesa)"


def load_mujoco(backend: str = NO_GL) -> ModuleType:
    """Return MuJoCo; only with a backend does it load a GL library. Raises `InputError` without MuJoCo."""
    before = os.environ.get(CHOICE)
    os.environ[CHOICE] = backend
    try:
        return importlib.import_module("mujoco")
    except ImportError as error:
        raise InputError(f"simulation needs MuJoCo ({error}): pip install mujoco") from error
    finally:
        if before is None:
            del os.environ[CHOICE]
        else:
            os.environ[CHOICE] = before


def available_backend() -> str:
    """Return MUJOCO_GL where it is set, else the first backend whose library loads, else nothing."""
    wanted = os.environ.get(CHOICE, "")
    if wanted:
        return wanted
    return next((name for name, files in LIBRARIES.items() if any(map(_loads, files))), "")


def make_context(width: int, height: int) -> Any:
    """Return a current GL context for images of this size; the caller frees it.

    Raises `InputError` that says what to install when there is none.
    """
    backend = available_backend()
    if not backend:
        raise InputError(f"no GL library to render with: {ADVICE}")
    mujoco = load_mujoco(backend)
    try:
        module = importlib.import_module(f"mujoco.{backend}") if backend in LIBRARIES else mujoco
        context = module.GLContext(width, height)
        context.make_current()
    except Exception as error:  # each GL binding has errors of its own
        raise InputError(
            f"cannot render with MUJOCO_GL={backend} ({_first_line(error)}): {ADVICE}"
        ) from error
    return context


def _loads(file: str) -> bool:
    try:
        ctypes.CDLL(file)
    except OSError:
        return False
    return True


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
