"""autoseg3d_core: posed RGB-D frames in, tracked 3D instances out; no ROS inside."""

from typing import Any


def __getattr__(name: str) -> Any:
    """Look the version up when somebody asks for it."""
    if name == "__version__":
        from autoseg3d_core.resources import version

        return version()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
