import subprocess
import sys

import numpy as np
import pytest

from autoseg3d_core.structures import InputError, LabelledCloud
from autoseg3d_core.visualization.rerun_log import RerunLog, axis_name


def test_a_recording_holds_the_camera_below_the_world_and_names_the_boxes(tmp_path, wall_frame):
    pytest.importorskip("rerun")
    log = RerunLog(tmp_path / "run.rrd")
    frame = wall_frame()
    ids = np.array([70_000])
    cloud = LabelledCloud(np.zeros((1, 3), np.float32), np.zeros((1, 3), np.uint8), ids, ids * 0)
    box = np.array([[0, 0, 0, 1, 1, 1, 0, 0, 0, 1]], np.float32)
    log.log_up(np.array([0, -1.0, 0]))
    log.log(frame, np.full(frame.depth.shape, 70_000, np.int32), cloud, ids, box, {70_000: "teapot"})
    log.log_map(cloud)
    log.log_camera(frame, with_depth=True)
    log.close()
    data = (tmp_path / "run.rrd").read_bytes()
    for entity in (
        *(b"/world/camera/image/rgb", b"/world/camera/image/masks", b"/world/camera/image/depth"),
        *(b"/world/points", b"/world/map", b"/world/tracks"),
    ):
        assert entity in data
    command = [sys.executable, "-m", "rerun", "rrd", "print", "-vvv", str(tmp_path / "run.rrd")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "70000 teapot" in printed


@pytest.mark.parametrize(
    ("up", "name"),
    [((0, 0, 1), "Z_UP"), ((0.1, -0.9, 0.3), "Y_DOWN"), ((2, 1, 1), "X_UP"), ((0, 0, -1), "Z_DOWN")],
)
def test_the_vertical_is_the_axis_nearest_to_it(up, name):
    assert axis_name(np.array(up, float)) == name
    rerun = pytest.importorskip("rerun")
    assert hasattr(rerun.ViewCoordinates, f"RIGHT_HAND_{name}")


def test_without_rerun_the_package_to_install_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "rerun", None)
    with pytest.raises(InputError, match="pip install rerun-sdk"):
        RerunLog(tmp_path / "run.rrd")
