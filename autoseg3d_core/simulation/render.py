"""Rendering a scene from anywhere: asks the process that renders."""

from __future__ import annotations

import weakref

import numpy as np
from jaxtyping import Float

from autoseg3d_core.simulation.render_process import render_process
from autoseg3d_core.simulation.rendered import Rendered
from autoseg3d_core.simulation.scene_model import SceneModel
from autoseg3d_core.structures import CameraIntrinsics


class Renderer:
    """Renders one model from any pose, for callers of any thread. Holds a GL context until `close`.

    Raises `InputError` if nothing can be rendered here.
    """

    def __init__(self, scene: SceneModel, camera: CameraIntrinsics, shadows: bool = False) -> None:
        self._process = render_process()
        self._drawing = self._process.open_drawing(scene, camera, shadows)
        self._finalizer = weakref.finalize(self, self._process.close_drawing, self._drawing)
        self._finalizer.atexit = False  # the process ends by itself

    def close(self) -> None:
        """Give the GL context back; nothing can be rendered afterwards."""
        self._finalizer()

    def move_thing(self, index: int, pose: Float[np.ndarray, "4 4"]) -> None:
        """Put a thing at a pose in the house; it shows from the next `settle` on."""
        self._process.ask(self._drawing, "move_thing", index, pose)

    def settle(self) -> None:
        """Bring the geometries to where their things are."""
        self._process.ask(self._drawing, "settle")

    def render(self, house_from_camera: Float[np.ndarray, "4 4"]) -> Rendered:
        """Return what the camera sees from a pose; its axes are x right, y down, z forward."""
        return self._process.ask(self._drawing, "render", house_from_camera)
