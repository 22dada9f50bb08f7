"""Furniture whose parts are masks of their own comes out as one object each, in a simulated room."""

import numpy as np
import pytest

from autoseg3d_core import build
from autoseg3d_core.config import with_values
from autoseg3d_core.datasets.masked import MaskedSequence
from autoseg3d_core.mask_makers.precomputed import PrecomputedMaskMaker
from autoseg3d_core.simulation.settings import SimulationConfig

pytest.importorskip("mujoco")
SEED = 5103
LEAST_PIXELS = 150
"""A part with fewer pixels is not counted."""


@pytest.fixture(scope="module")
def room():
    from autoseg3d_core.simulation.sequence import SimulatedSequence

    settings = with_values(SimulationConfig(), {"width": 320, "height": 240, "frames": 8, "rate_hz": 2.0})
    sequence = SimulatedSequence(SEED, settings)
    yield MaskedSequence(sequence, "truth-parts")
    sequence.close()


def furniture_of_parts(truth):
    """Return the pixels of each object of which two parts or more are seen."""
    found = []
    for name in np.unique(truth.instance[truth.instance > 0]):
        pixels = truth.instance == name
        _, sizes = np.unique(truth.part[pixels], return_counts=True)
        if (sizes >= LEAST_PIXELS).sum() >= 2:
            found.append(pixels)
    return found


def whole(labels, pixels):
    """Tell whether one label has an object, and little else, to itself."""
    ids, counts = np.unique(labels[pixels], return_counts=True)
    label = ids[counts.argmax()]
    both = pixels & (labels == label)
    return bool(label > 0 and both.sum() > 0.7 * (pixels | (labels == label)).sum())


def share_of_whole_things(room, model):
    online = build.online_segmenter(
        build.load(None, (f"model.name={model}", "device=cpu")), PrecomputedMaskMaker(None)
    )
    told = []
    for index in range(len(room)):
        update = online.step(room[index])
        told += [whole(update.label_image, pixels) for pixels in furniture_of_parts(room.truth(index))]
    assert len(told) >= 10, "the room has furniture"
    return float(np.mean(told))


def test_chairs_tables_and_shelves_come_out_as_one_object_each(room):
    assembled, apart = (share_of_whole_things(room, model) for model in ("samosaic3d", "overlap"))
    assert assembled > 0.65
    assert assembled > apart + 0.35, "joining what overlaps leaves most things in pieces"
