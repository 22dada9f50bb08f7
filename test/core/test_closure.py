"""Loop closure: what was mapped moves with its keyframes; ids stay, nothing is doubled, nothing is lost."""

import dataclasses

import numpy as np
import pytest
import torch
from raycast_rooms import CRATE, CUPBOARD, TABLE, looking, segmenter, view
from scipy.spatial.transform import Rotation

from autoseg3d_core.geometry.transforms import inverse_rigid, parts_of_screws
from autoseg3d_core.snapshot.tables import named_tensors
from autoseg3d_core.structures import EventKind, InputError
from autoseg3d_core.tracking.keyframes import ClosureConfig

THINGS = {1: CUPBOARD, 2: TABLE, 3: CRATE}
STEP_NS = 200_000_000


def rigid(x=0.0, y=0.0, z=0.0, yaw_deg=0.0, pitch_deg=0.0):
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_euler("ZY", [yaw_deg, pitch_deg], degrees=True).as_matrix()
    pose[:3, 3] = x, y, z
    return pose


def part(move, share):
    return parts_of_screws(move[None], np.array([share]))[0]


class Robot:
    """Walks through the room; `error` is where odometry believes the room to be, `world` the correction."""

    def __init__(self, online):
        self.online, self.stamp, self.events = online, 0, []
        self.error, self.world = np.eye(4), np.eye(4)

    def look(self, pose, things=None):
        self.stamp += STEP_NS
        told = self.world @ self.error @ pose
        frame = view(pose, THINGS if things is None else things, told, self.stamp)
        update = self.online.step(dataclasses.replace(frame, world_from_odometry=self.world))
        self.events += update.events
        return update

    def stand(self, frames=4, yaws=(0.0, 76.0, 200.0)):
        for yaw in yaws:
            for i in range(frames):
                update = self.look(looking(yaw + 3 * np.sin(i), 20 + 6 * np.sin(2 * i)))
        return update

    def kinds(self):
        return [event.kind for event in self.events]


def circle(share):
    """A pose on the way around the room, looking outward; after a whole turn it is the first again."""
    around = 2 * np.pi * share
    place = (0.5 * np.cos(around), 0.5 * np.sin(around), 1.4)
    return looking(np.rad2deg(around), 20 + 6 * np.sin(9 * around), place)


def state_of(online):
    return {name: tensor.clone() for name, tensor in named_tensors(online.snapshot())}


def is_same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def held(online):
    voxels = online.scene.voxels()
    return {int(i): int((voxels.ids == i).sum()) for i in torch.unique(voxels.ids) if i > 0}


def walked(error):
    """A robot that went around the room by drifting odometry, and came to know the first things again."""
    frames, robot = 24, Robot(segmenter(ClosureConfig(keyframe_m=0.2)))
    for i in range(frames + 1):  # past the end, so that the first thing is seen again
        robot.error = part(error, min(i / frames, 1.0))
        update = robot.look(circle(i / frames))
    before = len(update.tracks)
    robot.world = inverse_rigid(error)
    for i in range(1, 9):
        update = robot.look(circle(i / frames))
    return robot, update, before


def test_a_loop_that_drifts_and_is_closed_ends_with_the_same_ids_and_nothing_doubled():
    true, same, count = walked(np.eye(4))
    drifted, update, doubled = walked(rigid(0.3, -0.25, 0.02, 4.0))
    assert EventKind.CORRECTED not in true.kinds()
    assert drifted.kinds().count(EventKind.CORRECTED) == 1
    assert EventKind.GONE not in drifted.kinds()
    assert doubled > count == 3  # before the loop was closed something was there twice
    assert len(same.tracks) == 3
    tracks = update.tracks[update.tracks.is_mature]
    assert len(tracks) == 3
    assert tracks.ids[:2].tolist() == [1, 2]  # the cupboard, seen at both ends of the way, and the table
    level = [0, 1, 3, 4]  # the way the drift went; how far down a few frames see is another matter
    assert np.abs(tracks.boxes - same.tracks.boxes)[:, level].max() < 0.13
    assert np.abs(tracks.map_voxels / same.tracks.map_voxels - 1)[:2].max() < 0.5  # doubled it would be 1


@pytest.mark.parametrize("jump", [rigid(3.0), rigid(-2.0, 2.2, 0.1, 40.0)])
def test_a_map_that_lay_elsewhere_moves_as_a_whole(jump):
    robot, other = Robot(segmenter()), Robot(segmenter())
    robot.stand()
    other.stand()
    before = state_of(other.online)
    robot.world = jump
    update, same = robot.stand(2), other.stand(2)
    assert robot.kinds().count(EventKind.CORRECTED) == 1
    assert update.tracks.ids.tolist() == same.tracks.ids.tolist() == [1, 2, 3]
    middle = (same.tracks.boxes[:, :3] + same.tracks.boxes[:, 3:]) / 2
    moved = (update.tracks.boxes[:, :3] + update.tracks.boxes[:, 3:]) / 2
    np.testing.assert_allclose(moved, middle @ jump[:3, :3].T + jump[:3, 3], atol=0.12)
    assert robot.online.memory.history.keyframes.poses[0, :3, 3].tolist() == pytest.approx(
        (jump @ [*before["memory.history.keyframes.poses"][0, :3, 3], 1])[:3]
    )
    assert sum(held(robot.online).values()) > 0.85 * sum(held(other.online).values())


def test_kept_a_jump_makes_new_ids_and_reset_forgets():
    for policy in ("keep", "reset"):
        robot = Robot(segmenter(ClosureConfig(on_jump=policy)))
        robot.stand()
        robot.world = rigid(3.0)
        ids = robot.stand().tracks.ids.tolist()
        assert (len(ids) > 3) if policy == "keep" else (ids == [4, 5, 6])
        assert (EventKind.RESET in robot.kinds()) == (policy == "reset")
        assert EventKind.CORRECTED not in robot.kinds()


def test_a_jump_of_kilometres_is_refused_and_nothing_is_lost():
    robot = Robot(segmenter())
    robot.stand()
    before = state_of(robot.online)
    robot.world = rigid(3200.0)
    with pytest.raises(
        InputError, match=r"jumped by 3200 m, more than closure\.max_m = 50 m.*nothing was moved"
    ):
        robot.look(looking(0.0))
    with pytest.raises(InputError, match="3200 m"):
        robot.online.correct(np.array([1]), rigid(0, 3200.0)[None])
    assert is_same(before, state_of(robot.online))
    robot.world = np.eye(4)
    assert robot.stand(1).tracks.ids.tolist() == [1, 2, 3]
    assert EventKind.CORRECTED not in robot.kinds()


@pytest.mark.parametrize(
    ("stamps", "moves", "words"),
    [
        ([], np.zeros((0, 4, 4)), "one move for each stamp"),
        ([1, 1], np.tile(np.eye(4), (2, 1, 1)), "stamps that ascend"),
        ([1, 2], np.eye(4)[None], "one move for each stamp"),
        ([7], 2 * np.eye(4)[None], "correction at 7 ns: the pose is not a rigid"),
        ([7], np.full((1, 4, 4), np.nan), "correction at 7 ns: the pose has NaN"),
    ],
)
def test_what_is_no_correction_is_refused(stamps, moves, words):
    robot = Robot(segmenter())
    robot.stand(1)
    before = state_of(robot.online)
    with pytest.raises(InputError, match=words):
        robot.online.correct(np.array(stamps, np.int64), moves)
    assert is_same(before, state_of(robot.online))


def test_a_correction_by_nothing_changes_nothing():
    robot = Robot(segmenter())
    robot.stand()
    before = state_of(robot.online)
    assert robot.online.correct(np.array([1, 5 * STEP_NS]), np.tile(np.eye(4), (2, 1, 1))) == ()
    assert is_same(before, state_of(robot.online))


def test_two_corrections_are_one():
    first, second = rigid(0.4, 0.1, 0.0, 10.0), rigid(-0.7, 0.3, 0.05, -25.0)
    stamps = np.array([STEP_NS])
    states = []
    for corrections in ((first, second), (second @ first,)):
        robot = Robot(segmenter())
        robot.stand()
        for move in corrections:
            assert len(robot.online.correct(stamps, move[None])) == 1
        states.append((robot.online.scene.voxels(), state_of(robot.online), robot.online.memory.tracks))
    (waiting, state, tracks), (other_waiting, other, others) = states
    for one, two in ((waiting.keys, other_waiting.keys), (waiting.ids, other_waiting.ids)):
        assert torch.equal(one, two)
    assert torch.equal(state["map.voxels.keys"], other["map.voxels.keys"])
    assert torch.equal(state["map.voxels.votes"], other["map.voxels.votes"])
    for column in ("boxes", "centroids", "oriented_boxes"):
        torch.testing.assert_close(getattr(tracks, column), getattr(others, column), atol=1e-4, rtol=0)


def test_a_correction_that_grows_from_stamp_to_stamp_moves_each_keyframe_by_its_part():
    robot, whole = Robot(segmenter(ClosureConfig(keyframe_deg=5.0))), rigid(0.8, 0.0, 0.0, 12.0)
    robot.stand()
    before = robot.online.memory.history.keyframes
    first, last = 4 * STEP_NS, 14 * STEP_NS
    robot.online.correct(np.array([first, last]), np.stack([np.eye(4), whole]))
    after = robot.online.memory.history.keyframes
    for old, new, stamp in zip(before.poses, after.poses, before.stamps_ns.tolist(), strict=True):
        share = np.clip((stamp - first) / (last - first), 0, 1)
        np.testing.assert_allclose(new, part(whole, share) @ old.numpy(), atol=1e-9)


def test_a_jump_that_is_interpolated_over_some_frames_is_the_jump_at_once():
    poses = []
    for steps in ((1.0,), (0.3, 0.8, 1.0)):
        robot = Robot(segmenter(ClosureConfig(keyframe_m=0.2, spread="drift", jump_m=0.01)))
        for i in range(20):
            robot.look(circle(i / 40))
        for step in steps:
            robot.world = part(rigid(0.4, 0.2), step)
            robot.look(circle(0.5))
        poses.append(robot.online.memory.history.keyframes.poses)
    count = len(poses[0]) - 1  # those of before the jump
    torch.testing.assert_close(poses[0][:count], poses[1][:count], atol=1e-9, rtol=0)


def test_after_a_restart_odometry_that_began_anew_is_no_jump(tmp_path):
    robot = Robot(segmenter())
    robot.stand()
    robot.online.save(tmp_path / "map")
    next_one = Robot(segmenter())
    next_one.online.load(tmp_path / "map")
    next_one.error, next_one.world = rigid(5.0, 2.0), inverse_rigid(rigid(5.0, 2.0))
    update = next_one.stand(2)
    assert update.tracks.ids.tolist() == [1, 2, 3]
    assert EventKind.CORRECTED not in next_one.kinds()
    next_one.world = rigid(0.6) @ next_one.world  # and a jump since is one
    assert next_one.look(looking(0.0)).tracks.ids.tolist() == [1, 2, 3]
    assert EventKind.CORRECTED in next_one.kinds()


def test_blocks_that_wait_are_moved_in_the_next_frames_and_ids_stay():
    robot = Robot(segmenter(ClosureConfig(blocks_per_frame=40)))
    robot.stand()
    blocks = len(robot.online.scene)
    robot.world = rigid(3.0)
    waiting = [blocks]
    while waiting[-1]:
        robot.look(looking(200.0))
        waiting.append(robot.online.scene.waiting)
    assert waiting == [*range(blocks, 0, -40), 0]
    assert len(waiting) > 4
    assert robot.stand(2).tracks.ids.tolist() == [1, 2, 3]
    assert EventKind.GONE not in robot.kinds()
