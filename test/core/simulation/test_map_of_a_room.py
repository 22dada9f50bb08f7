"""Furniture taken out of a simulated room, with noise in depth and pose: it is gone, and nothing else."""

import dataclasses

import numpy as np
import pytest
from raycast_rooms import segmenter

from autoseg3d_core.simulation.motions import Motion
from autoseg3d_core.simulation.parts import Placed
from autoseg3d_core.simulation.sequence import SimulatedSequence, SimulationConfig
from autoseg3d_core.structures import EventKind

CHAIR = 14
"""The place of a chair among the things of room 5004, which stands free."""
BEFORE, AFTER = 10, 24
CONFIG = SimulationConfig(
    frames=BEFORE + AFTER,
    width=160,
    height=120,
    pose_jitter_m=0.01,
    pose_jitter_deg=0.5,
    random_origin=False,
    occlusion_shading=False,
)


def looking_at(place, target):
    """A camera at a place that looks at a target; x right, y down, z forward."""
    ahead = (target - place) / np.linalg.norm(target - place)
    right = np.cross(ahead, [0, 0, 1])
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(ahead, right), ahead], axis=1)
    pose[:3, 3] = place
    return pose


@pytest.fixture
def room(gl):
    with SimulatedSequence(5004, CONFIG) as sequence:
        chair = sequence.house.things[CHAIR]
        middle = np.append(chair.at[:2], 0.45)
        turns = np.linspace(0, 6, CONFIG.frames)
        offsets = np.stack(
            [1.2 * np.cos(turns), 1.5 + 0.2 * np.sin(turns), np.full(CONFIG.frames, 1.2)], axis=1
        )
        around = middle + offsets
        sequence.path = np.stack([looking_at(place, middle) for place in around])
        away = Placed(chair.thing, chair.at - np.array([0, 0, 100.0]), chair.yaw, chair.room)
        sequence.motions = (Motion(CHAIR, BEFORE - 1, BEFORE - 1, chair, away),)
        yield sequence


def test_a_chair_that_was_taken_out_of_a_simulated_room_is_gone_and_nothing_else(room):
    online, events, seen = segmenter(), [], {}
    for index in range(len(room)):
        instance = room.truth(index).instance
        update = online.step(dataclasses.replace(room[index], label_image=instance))
        events += [event for event in update.events if event.kind is EventKind.GONE]
        for name in np.unique(instance[instance > 0]):
            ids, counts = np.unique(update.label_image[instance == name], return_counts=True)
            seen.setdefault(int(name), []).append(int(ids[counts.argmax()]))
    chair = seen.pop(CHAIR + 1)
    assert len(chair) >= 5
    assert [event.track_id for event in events] == [chair[-1]]
    assert len(seen) >= 3  # others were looked at all the time
