"""The core's segmenter as the node gets it: built from the config, with ids that go on."""

import numpy as np

from autoseg3d_core import build
from autoseg3d_core.structures import CameraIntrinsics, Frame
from autoseg3d_ros.segmenter import build_segmenter

WITHOUT_WEIGHTS = ("model.name=overlap", "masks.name=geometric")


def two_boxes(stamp_ns):
    """Return a frame of two boxes of different colours before a wall."""
    depth = np.full((120, 160), 3.0, np.float32)
    rgb = np.full((120, 160, 3), 200, np.uint8)
    depth[30:90, 20:60], rgb[30:90, 20:60] = 2.0, (200, 0, 0)
    depth[30:90, 100:140], rgb[30:90, 100:140] = 1.5, (0, 0, 200)
    camera = CameraIntrinsics(150.0, 150.0, 79.5, 59.5, 160, 120)
    return Frame(rgb, depth, camera, np.eye(4), stamp_ns)


def test_ids_begin_where_the_last_segmenter_ended():
    built = build_segmenter(build.load(None, WITHOUT_WEIGHTS), 41)
    assert built.next_id() == 41
    update = built.segmenter.step(two_boxes(1))
    assert len(update.tracks) > 0
    assert update.tracks.ids.min() == 41
    assert built.next_id() == update.tracks.ids.max() + 1


def test_live_settings_reach_a_running_segmenter():
    built = build_segmenter(build.load(None, WITHOUT_WEIGHTS), 1)
    before = built.segmenter.step(two_boxes(1)).tracks.ids
    built.reconfigure(build.load(None, (*WITHOUT_WEIGHTS, "model.overlap.min_affinity=0.9")))
    after = built.segmenter.step(two_boxes(2)).tracks.ids
    assert set(before) & set(after)
