"""What the soak would notice: accounts that do not add up, ids that come twice, memory that grows."""

import dataclasses

import numpy as np
import pytest
from autoseg3d.msg import FrameStatus, InstanceEvent
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from sensor_msgs.msg import Image

from autoseg3d_core.structures import CameraIntrinsics, Frame
from autoseg3d_ros.messages import stamp_from_ns
from autoseg3d_ros.soak.__main__ import _growth
from autoseg3d_ros.soak.camera import FaultyCamera
from autoseg3d_ros.soak.watch import Watch

CAMERA = CameraIntrinsics(10.0, 10.0, 3.5, 2.5, 8, 6)
FRAME = Frame(np.full((6, 8, 3), 90, np.uint8), np.full((6, 8), 2, np.float32), CAMERA, np.eye(4), 1)


def diagnostics(**values):
    texts = [KeyValue(key=name, value=str(value)) for name, value in values.items()]
    return DiagnosticArray(status=[DiagnosticStatus(name="autoseg3d: frames", values=texts)])


def test_an_account_that_is_off_for_a_moment_is_forgiven_and_twice_running_is_not(node):
    watch = Watch(node, {})
    for processed, is_wrong in ((4, False), (3, False), (4, False), (3, False), (3, True)):
        watch._on_diagnostics(
            diagnostics(received=6, processed=processed, failed=0, dropped_sync=1, pending=1)
        )
        assert bool(watch.wrong) == is_wrong
    assert "received 6" in watch.wrong[0]


def test_an_id_that_is_created_twice_is_wrong(node):
    watch = Watch(node, {})
    for track in (1, 2, 3, 2):
        watch._on_event(InstanceEvent(type=InstanceEvent.CREATED, track_id=track))
    assert watch.wrong == ["id 2 was created twice"]
    assert watch.newest_id == 3


def test_latency_is_from_sending_to_hearing_whatever_the_stamp(node, monkeypatch):
    watch = Watch(node, {7: 100.0})
    monkeypatch.setattr("autoseg3d_ros.soak.watch.time.monotonic", lambda: 100.25)
    status = FrameStatus(outcome=FrameStatus.PROCESSED)
    status.header.stamp = stamp_from_ns(7)
    watch._on_status(status)
    status.header.stamp = stamp_from_ns(8)  # of an image that was sent by nobody
    watch._on_status(status)
    assert watch._ages == [pytest.approx(250.0)]
    assert watch.totals == {"processed": 2}


@pytest.mark.parametrize(("last_mb", "growth"), [(400.0, 1.0), (440.0, 1.1)])
def test_growth_is_of_what_stays(last_mb, growth):
    minutes = np.arange(0, 30, 1 / 6)
    memory = np.where(minutes < 5, 200.0, 400.0)  # at first it grows
    memory[minutes > 20] = last_mb
    memory[[70, 150]] = 900.0  # peaks
    rows = [{"minute": m, "memory [MB]": mb} for m, mb in zip(minutes, memory, strict=True)]
    assert _growth(rows) == pytest.approx(growth)


def test_the_camera_sends_every_kind_of_fault_by_its_seed(node):
    made = [FaultyCamera(node, [FRAME, dataclasses.replace(FRAME, stamp_ns=2)], seed) for seed in (1, 1, 2)]
    sent = [[], [], []]
    for camera, images in zip(made, sent, strict=True):
        for publisher in camera._publishers:
            publisher.publish = images.append
        for _ in range(1500):
            camera.send_next()
            camera.send_late_poses()
    assert made[0].faults == made[1].faults != made[2].faults
    assert set(made[0].faults) == {
        *("zero stamp", "lost message", "small step of the clock back", "clock starts again", "lost pose"),
        *("correction of localisation", "late pose", "unknown encoding", "image cut short", "grey image"),
        *("calibration without focal length", "depth without readings"),
    }
    encodings = {message.encoding for message in sent[0] if isinstance(message, Image)}
    assert encodings == {"rgb8", "bgr8", "rgba8", "mono8", "nonsense", "16UC1", "32FC1"}
    assert len(made[0].sent) <= 1000
