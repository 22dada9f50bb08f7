import sys

import numpy as np
import pytest

from autoseg3d_core.structures import InputError, LabelledCloud
from autoseg3d_core.visualization.rerun_log import RerunLog


def test_a_recording_holds_the_camera_below_the_world(tmp_path, wall_frame):
    pytest.importorskip("rerun")
    log = RerunLog(tmp_path / "run.rrd")
    frame = wall_frame()
    ids = np.array([70_000])
    cloud = LabelledCloud(np.zeros((1, 3), np.float32), np.zeros((1, 3), np.uint8), ids, ids * 0)
    box = np.array([[0, 0, 0, 1, 1, 1, 0, 0, 0, 1]], np.float32)
    log.log(frame, np.full(frame.depth.shape, 70_000, np.int32), cloud, ids, box)
    log.log_map(cloud)
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
