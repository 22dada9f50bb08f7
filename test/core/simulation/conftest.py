"""Small simulated walks."""

import pytest

from autoseg3d_core.config import with_values
from autoseg3d_core.simulation.settings import SimulationConfig

NOISE = ("depth_noise", "edge_holes", "missing_returns", "pose_jitter", "color_noise")


@pytest.fixture(scope="session")
def small():
    """Return a function that makes the settings of a short, small walk without any noise."""

    def make(**values):
        quiet = dict.fromkeys(NOISE, False)
        plain = {"width": 96, "height": 72, "frames": 24, **quiet}
        return with_values(SimulationConfig(), {**plain, **values})

    return make


@pytest.fixture(scope="session")
def open_walk(gl, small):
    """Return a function that opens a walk and closes it after the tests."""
    from autoseg3d_core.simulation.sequence import SimulatedSequence

    opened = []

    def make(seed, **values):
        opened.append(SimulatedSequence(seed, small(**values)))
        return opened[-1]

    yield make
    for sequence in opened:
        sequence.close()
