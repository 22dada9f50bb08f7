"""Small synthetic frames with a known answer, and a skip where nothing can render."""

import numpy as np
import pytest

from autoseg3d_core.structures import CameraIntrinsics, Frame, InputError, MaskImage


@pytest.fixture
def camera():
    return CameraIntrinsics(fx=100.0, fy=100.0, cx=79.5, cy=59.5, width=160, height=120)


@pytest.fixture
def wall_frame(camera):
    """Return a function that makes the frame of a wall 2 m ahead, seen from a pose."""

    def make(stamp_ns=1, world_from_camera=None, depth=2.0):
        return Frame(
            rgb=np.full((120, 160, 3), 128, np.uint8),
            depth=np.full((120, 160), depth, np.float32),
            camera=camera,
            world_from_camera=np.eye(4) if world_from_camera is None else world_from_camera,
            stamp_ns=stamp_ns,
        )

    return make


class HalvesMaskMaker:
    """Two masks: the part of the wall left of x = 0 in the world, and the rest."""

    def __call__(self, frame):
        columns = (np.arange(frame.camera.width) - frame.camera.cx) / frame.camera.fx
        x = columns * frame.depth[0, 0] + frame.world_from_camera[0, 3]
        index = np.broadcast_to((x > 0).astype(np.int32), frame.depth.shape)
        return MaskImage(np.ascontiguousarray(index), np.ones(2, np.float32))

    warm_up = __call__


@pytest.fixture
def halves():
    return HalvesMaskMaker()


@pytest.fixture(scope="session")
def gl():
    """Skip where MuJoCo cannot render."""
    pytest.importorskip("mujoco")
    from autoseg3d_core.simulation.sequence import SimulatedSequence, SimulationConfig

    try:
        with SimulatedSequence(5000, SimulationConfig(width=32, height=24, frames=2)) as walk:
            walk.renderer()  # in a process of its own: no GL library comes into that of the tests
    except InputError as error:
        pytest.skip(str(error))
