import sys

import numpy as np
import pytest

from autoseg3d_core.structures import InputError, LabelledCloud, SceneUpdate, TrackTable
from autoseg3d_core.visualization.rerun_log import RerunLog


def update_of(frame):
    one = np.ones(1, np.int64)
    tracks = TrackTable(
        ids=one * 4,
        labels=one * -1,
        score=np.ones(1, np.float32),
        existence=np.ones(1, np.float32),
        boxes=np.array([[0, 0, 0, 1, 1, 1]], np.float32),
        centroids=np.zeros((1, 3), np.float32),
        hits=one,
        misses=one * 0,
        is_mature=np.ones(1, bool),
        frame_points=one,
        map_voxels=one,
        first_seen_ns=one,
        last_seen_ns=one,
    )
    cloud = LabelledCloud(np.zeros((2, 3), np.float32), np.zeros((2, 3), np.uint8), np.array([0, 4]), one)
    labels = np.full(frame.depth.shape, 70_000, np.int32)
    return SceneUpdate(1, 0, frame.world_from_camera, labels, cloud, tracks, one, ())


def test_a_recording_holds_the_camera_below_the_world(tmp_path, wall_frame):
    pytest.importorskip("rerun")
    log = RerunLog(tmp_path / "run.rrd")
    frame = wall_frame()
    update = update_of(frame)
    log.log(frame, update)
    log.log_map(update.cloud)
    log.close()
    data = (tmp_path / "run.rrd").read_bytes()
    for entity in (
        b"/world/camera/image/rgb",
        b"/world/camera/image/tracks",
        b"/world/points",
        b"/world/map",
    ):
        assert entity in data


def test_without_rerun_the_package_to_install_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "rerun", None)
    with pytest.raises(InputError, match="pip install rerun-sdk"):
        RerunLog(tmp_path / "run.rrd")
