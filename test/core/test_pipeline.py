import dataclasses

import numpy as np
import pytest
import torch
from mask_maker_of import MaskMakerOf

from autoseg3d_core import build
from autoseg3d_core.geometry.transforms import pose_from_quaternion
from autoseg3d_core.lifting import LiftingConfig
from autoseg3d_core.models.overlap import Overlap, OverlapConfig
from autoseg3d_core.models.perception import move_to_scene
from autoseg3d_core.pipeline import OnlineSegmenter
from autoseg3d_core.policies import PipelineConfig
from autoseg3d_core.scene_map import MapConfig
from autoseg3d_core.structures import EventKind, InputError, MaskImage
from autoseg3d_core.tracking.assignment import ManyToOne
from autoseg3d_core.tracking.lifecycle import TracksConfig
from autoseg3d_core.tracking.maturity import MaturityConfig

MATURITY = MaturityConfig(hits=2, still_hits=2)
CONFIG = PipelineConfig(lifting=LiftingConfig(points=4000), tracks=TracksConfig(maturity=MATURITY))


def pipeline(mask_maker, config=CONFIG):
    return OnlineSegmenter(mask_maker, Overlap(OverlapConfig()), ManyToOne(0.5), config)


def moved(x=0.0, y=0.0):
    return pose_from_quaternion(np.array([x, y, 0.0]), np.array([0, 0, 0, 1.0]))


def test_ids_persist_while_the_camera_moves(wall_frame, halves):
    online = pipeline(halves)
    for i in range(8):
        update = online.step(wall_frame(stamp_ns=i, world_from_camera=moved(x=0.05 * i)))
        assert update.tracks.ids.tolist() == [1, 2]
        assert update.frame_index == i
        left, right = update.cloud.xyz[:, 0] < -0.001, update.cloud.xyz[:, 0] > 0.001
        assert set(update.cloud.ids[left]) == {1}
        assert set(update.cloud.ids[right]) == {2}
    assert update.tracks.hits.tolist() == [8, 8]


def test_an_object_out_of_view_comes_back_with_its_id(wall_frame, halves):
    online = pipeline(halves)
    for i in range(4):
        online.step(wall_frame(stamp_ns=i))
    for i in range(100):
        online.step(wall_frame(stamp_ns=10 + i, world_from_camera=moved(y=50.0)))
    update = online.step(wall_frame(stamp_ns=200))
    assert set(update.tracks.ids[update.tracks.misses == 0]) == {1, 2}
    assert {e.track_id for e in update.events if e.kind == EventKind.RECOVERED} == {1, 2}


def test_the_label_image_paints_each_mask_with_its_id(wall_frame, halves):
    frame = wall_frame()
    update = pipeline(halves).step(frame)
    assert np.array_equal(update.label_image, update.mask_ids[halves(frame).index])
    assert update.label_image.dtype == np.int32
    assert np.array_equal(update.mask_ids, [1, 2])


def test_the_same_frames_give_the_same_updates(wall_frame, halves):
    runs = [[pipeline(halves).step(wall_frame(stamp_ns=i)) for i in range(3)] for _ in range(2)]
    for first, second in zip(*runs, strict=True):
        assert first.events == second.events
        for table in ("tracks", "cloud"):
            for name, column in vars(getattr(first, table)).items():
                assert np.array_equal(column, getattr(getattr(second, table), name)), name


class SeesTheScene(Overlap):
    """Keeps the points of each frame as a network would see them."""

    def encode(self, cloud, memory):
        self.seen = move_to_scene(cloud, memory.origin).xyz
        return super().encode(cloud, memory)


@pytest.mark.parametrize("position", [(0.0, 0.0, 0.0), (3000.0, -9000.0, 64.0), (-19_000.0, 19_000.0, 0.0)])
def test_a_scene_kilometres_from_the_world_s_origin_is_the_same_to_millimetres(wall_frame, halves, position):
    turn = pose_from_quaternion(np.array(position), np.array([0.5, 0.5, 0.5, 0.5]))
    scenes = []
    for world in (np.eye(4), turn):
        model = SeesTheScene(OverlapConfig())
        online = OnlineSegmenter(halves, model, ManyToOne(0.5), CONFIG)
        for i in range(3):
            online.step(wall_frame(stamp_ns=i, world_from_camera=world @ moved(x=0.1 * i)))
        scenes.append(model.seen)
    torch.testing.assert_close(scenes[1], scenes[0], rtol=0, atol=2.5e-3)


def test_moving_the_world_moves_the_boxes_and_keeps_the_ids(wall_frame, halves):
    turn = pose_from_quaternion(np.array([4.0, 8.0, -2.0]), np.array([0, 0, 0, 1.0]))
    here, there = pipeline(halves), pipeline(halves)
    for i in range(3):
        pose = moved(y=0.04 * i)
        first = here.step(wall_frame(i, pose))
        frame = wall_frame(i, pose)
        index = halves(frame).index
        there.mask_maker = lambda _, index=index: MaskImage(index, np.ones(2, np.float32))
        second = there.step(dataclasses.replace(frame, world_from_camera=turn @ pose))
    assert np.array_equal(first.cloud.ids, second.cloud.ids)
    assert np.allclose(first.tracks.boxes + np.tile([4, 8, -2], 2), second.tracks.boxes, atol=1e-4)


def test_a_frame_without_masks_or_depth_goes_through(wall_frame):
    nothing = lambda frame: MaskImage(np.full(frame.depth.shape, -1, np.int32), np.zeros(0, np.float32))  # noqa: E731
    online = pipeline(MaskMakerOf(nothing))
    for i, depth in enumerate([2.0, 0.0, np.nan, np.inf, -1.0]):
        update = online.step(wall_frame(stamp_ns=i, depth=depth))
        assert len(update.tracks) == 0
        assert not update.label_image.any()
    assert len(update.cloud) == 0


def test_one_giant_mask_is_one_track(wall_frame):
    online = pipeline(
        MaskMakerOf(lambda frame: MaskImage(np.zeros(frame.depth.shape, np.int32), np.ones(1, np.float32)))
    )
    for i in range(3):
        update = online.step(wall_frame(stamp_ns=i))
    assert update.tracks.ids.tolist() == [1]


def test_an_unusable_frame_changes_nothing(wall_frame, halves):
    online = pipeline(halves)
    online.step(wall_frame(stamp_ns=0))
    before = online.memory
    with pytest.raises(InputError, match="localisation"):
        online.step(wall_frame(stamp_ns=1, world_from_camera=np.full((4, 4), np.nan)))
    assert online.memory is before
    assert online.step(wall_frame(stamp_ns=2)).frame_index == 1


def test_ids_go_on_after_a_reset(wall_frame, halves):
    online = pipeline(halves)
    online.step(wall_frame(stamp_ns=0))
    online.reset()
    assert len(online.map_cloud()) == 0
    update = online.step(wall_frame(stamp_ns=1))
    assert update.frame_index == 0
    assert update.tracks.ids.tolist() == [3, 4]


def test_a_removed_track_is_gone_from_the_map_and_its_id_is_not_used_again(wall_frame, halves):
    online = pipeline(halves)
    online.step(wall_frame(stamp_ns=0))
    assert online.remove(1)
    assert not online.remove(1)
    assert set(online.map_cloud().ids) == {0, 2}
    assert online.step(wall_frame(stamp_ns=1)).tracks.ids.tolist() == [2, 3]


def test_the_voxel_counts_are_those_of_the_map(wall_frame, halves):
    online = pipeline(halves)
    for i in range(6):
        update = online.step(wall_frame(stamp_ns=i, world_from_camera=moved(x=0.3 * i)))
    ids = online.map_cloud().ids
    for track_id, count in zip(update.tracks.ids, update.tracks.map_voxels, strict=True):
        assert count == (ids == track_id).sum()


def test_a_full_map_forgets_old_places_says_so_and_goes_on(wall_frame, halves):
    small = dataclasses.replace(CONFIG, map=MapConfig(max_blocks=150, evict_blocks=30))
    online, events = pipeline(halves, small), []
    for i in range(40):
        update = online.step(wall_frame(stamp_ns=i, world_from_camera=moved(y=3.0 * (i // 4))))
        events += update.events
        assert len(online.scene) <= 150
        assert update.tracks.misses.min() == 0
    reasons = [e.reason for e in events if e.kind == EventKind.REMOVED]
    assert any("blocks of the scene map" in reason for reason in reasons)
    assert "memory_limit" in reasons
    assert len(update.tracks) < 20


def test_two_tracks_under_one_mask_become_one_and_the_older_id_stays(wall_frame, halves):
    online = pipeline(halves, dataclasses.replace(CONFIG, tracks=TracksConfig(join_votes=3)))
    online.step(wall_frame(stamp_ns=0))
    online.mask_maker = lambda frame: MaskImage(np.zeros(frame.depth.shape, np.int32), np.ones(1, np.float32))
    joined = []
    for i in range(1, 5):
        update = online.step(wall_frame(stamp_ns=i))
        joined += [(e.track_id, e.other_id) for e in update.events if e.kind == EventKind.JOINED]
    assert joined == [(2, 1)]
    assert set(online.map_cloud().ids) == {1}


def test_the_live_settings_take_effect_on_the_next_frame(wall_frame, halves):
    online = pipeline(halves)
    online.step(wall_frame(stamp_ns=0))
    online.reconfigure(dataclasses.replace(CONFIG, lifting=LiftingConfig(points=500)))
    assert len(online.step(wall_frame(stamp_ns=1)).cloud) == 500


def test_no_tensor_of_a_step_needs_a_gradient(wall_frame, halves):
    online = pipeline(halves)
    online.step(wall_frame())
    assert all(
        not c.requires_grad for c in vars(online.memory.tracks).values() if isinstance(c, torch.Tensor)
    )


def test_warming_up_leaves_no_trace(wall_frame):
    warm, cold = (build.online_segmenter(build.Config()) for _ in range(2))
    warm.warm_up()
    assert warm.memory.next_id == 1
    assert len(warm.map_cloud()) == 0
    updates = [pipeline.step(wall_frame()) for pipeline in (warm, cold)]
    assert np.array_equal(updates[0].label_image, updates[1].label_image)
    assert updates[0].frame_index == updates[1].frame_index == 0


def stripes(frame):
    """Split a frame into 25 upright stripes."""
    height, width = frame.depth.shape
    index = np.broadcast_to(np.arange(width) * 25 // width, (height, width)).astype(np.int32)
    return MaskImage(index.copy(), np.ones(25, np.float32))


def test_a_frame_of_more_objects_than_tracks_may_be_held_is_no_error(wall_frame):
    config = dataclasses.replace(CONFIG, tracks=TracksConfig(max_tracks=10, maturity=MATURITY))
    online = pipeline(MaskMakerOf(stripes), config)
    for stamp_ns in range(6):
        update = online.step(wall_frame(stamp_ns=stamp_ns))
        assert len(update.tracks) == 10
        shown = np.unique(update.label_image)
        assert set(shown) - {0} <= set(update.tracks.ids.tolist())
        assert set(np.unique(update.cloud.ids)) - {0} <= set(update.tracks.ids.tolist())
    removed = {event.reason for event in update.events if event.kind == EventKind.REMOVED}
    assert removed == {"memory_limit"}
    voxels = online.scene.voxels()
    assert (voxels.ids == 0).any()
    assert (voxels.votes[voxels.ids == 0] == 0).all()  # nobody voted against an object without a track


def test_the_map_and_the_cloud_have_the_colours_of_the_image(wall_frame, halves):
    online, colors = pipeline(halves), np.array([250, 120, 30])
    for stamp_ns in range(3):
        frame = wall_frame(stamp_ns=stamp_ns)
        frame.rgb[:] = colors
        update = online.step(frame)
    assert (update.cloud.rgb == colors).all()
    assert (np.abs(online.map_cloud().rgb.astype(int) - colors) <= 3).all()
