"""Recordings in which something changes: there and back, out of sight, and with odometry that drifts."""

import dataclasses

import numpy as np
import pytest

from autoseg3d_core.simulation import map_trials
from autoseg3d_core.simulation.map_trials import draw_trial
from autoseg3d_core.simulation.motions import in_sight
from autoseg3d_core.simulation.sequence import SimulationConfig
from autoseg3d_core.simulation.walk_map import WalkMap
from autoseg3d_core.structures import Frame, FrameTruth

CONFIG = SimulationConfig(frames=100, rate_hz=5.0, width=160, height=120)


@pytest.mark.parametrize("kind", ["removal", "move"])
def test_what_changes_was_seen_before_and_the_rest_stays(kind):
    trials = [draw_trial(kind, seed, CONFIG) for seed in range(5001, 5006)]
    assert sum(len(trial.removed) + len(trial.moved) for trial in trials) >= 15
    for trial in trials:
        sequence, turn = trial.sequence, trial.turn
        names = trial.removed if kind == "removal" else trial.moved
        assert len(names) == len(sequence.motions)
        for name, motion in zip(names, sequence.motions, strict=True):
            seen = in_sight(
                sequence.house.things[name - 1], sequence.path, sequence.camera, WalkMap(sequence.house)
            )
            assert seen[:turn].any()
            before, after = sequence.box_of(name, turn - 1), sequence.box_of(name, turn)
            np.testing.assert_array_equal(before, sequence.box_of(name, 0))
            lower = after[2] < before[2] - 50
            assert lower if kind == "removal" else np.abs(after - before)[:2].max() > 0.2
            assert motion.thing == name - 1


def test_the_camera_comes_back_the_way_it_went():
    path = draw_trial("static", 5001, CONFIG).sequence.path
    np.testing.assert_array_equal(path[0], path[-1])
    np.testing.assert_array_equal(path[30], path[-31])
    assert len(path) == 100


def test_odometry_drifts_until_the_loop_is_closed_and_poses_are_true_from_then_on(monkeypatch):
    trial = draw_trial("closure", 5001, CONFIG)
    sequence = trial.sequence

    class Unseen:
        seed, path, world_from_house = sequence.seed, sequence.path, sequence.world_from_house

        def __len__(self):
            return len(sequence)

        def __getitem__(self, index):
            rgb, depth = np.zeros((120, 160, 3), np.uint8), np.zeros((120, 160), np.float32)
            return Frame(rgb, depth, sequence.camera, sequence.world_from_camera(index), index)

        def truth(self, index):
            label = np.full((120, 160), 7, np.int32)
            return FrameTruth(label, label, sequence.world_from_camera(index))

    trial = dataclasses.replace(trial, sequence=Unseen())
    off = []
    for index in range(100):
        frame = trial[index]
        assert (frame.label_image == 7).all()
        off.append(np.linalg.norm((frame.world_from_camera - sequence.world_from_camera(index))[:3, 3]))
    closes = round(map_trials.CLOSED_AT * 100)
    assert off[0] < 1e-9
    assert max(off[closes:]) < 1e-9
    assert 0.2 < off[closes - 1] < 1.0
    assert off[10] < off[40] < off[70]
    np.testing.assert_array_equal(trial[closes - 1].world_from_odometry, np.eye(4))
    assert np.linalg.norm(trial[closes].world_from_odometry[:3, 3]) > 0.2
