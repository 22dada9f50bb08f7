"""The node as a process: it ends cleanly on SIGINT, and says why when it cannot start."""

import os
import signal
import subprocess
import sys
import time

import pytest

START_TIMEOUT_S = 40


def start(*arguments, command=("-m", "autoseg3d_ros.node_process"), until="listening to"):
    """Start the node and return it once it listens, or has ended."""
    process = subprocess.Popen(
        [sys.executable, "-u", *command, "--ros-args", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "RCUTILS_LOGGING_BUFFERED_STREAM": "0"},
        start_new_session=True,
    )
    lines = []
    for line in process.stdout:
        lines.append(line)
        if until in line or "unconfigured" in line:
            break
    return process, lines


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_node_with_code_0_within_two_seconds(sent):
    process, lines = start()
    assert "listening to /rgb/image, /depth/image, /rgb/camera_info" in lines[-1]
    begin = time.monotonic()
    process.send_signal(sent)
    rest, _ = process.communicate(timeout=10)
    assert process.returncode == 0, rest
    assert time.monotonic() - begin < 2
    assert "Traceback" not in rest


def test_remapping_and_namespace_reach_the_inputs():
    process, lines = start("-r", "__ns:=/robot", "-r", "rgb/image:=/eye/color")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert "/eye/color, /robot/depth/image, /robot/rgb/camera_info" in lines[-1]


def test_remapping_an_image_takes_its_transports_along():
    process, lines = start("-p", "input.color_transport:=compressed", "-r", "rgb/image:=/eye/color")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert "/eye/color/compressed" in lines[-1]


def test_a_bad_parameter_ends_with_code_1_and_its_name():
    process, lines = start("-p", "tf.timeout_s:=-1.0")
    rest, _ = process.communicate(timeout=START_TIMEOUT_S)
    assert process.returncode == 1
    assert "tf.timeout_s" in "".join(lines) + rest


def test_a_misspelt_parameter_is_named_with_the_nearest_one():
    process, lines = start("-p", "tf.timout_s:=0.1")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert any("tf.timout_s" in line and "tf.timeout_s" in line for line in lines)


BUSY = """
import functools, time
from autoseg3d_ros import node, node_process
from autoseg3d_ros.segmenter import BuiltSegmenter

start_working = node.SegmenterNode._start_working

def start_busy(self):
    self._session.process = lambda frame, masks: (print("busy", flush=True), time.sleep(60))
    start_working(self)
    self._worker.offer(object())

node.SegmenterNode._start_working = start_busy
build = lambda config, first_id: BuiltSegmenter(None, None, lambda: 1)
node_process.SegmenterNode = functools.partial(node.SegmenterNode, build=build)
node_process.main()
"""


def test_a_signal_in_the_middle_of_a_long_step_ends_the_node_too():
    process, _ = start(command=("-c", BUSY), until="busy")
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=10)
    assert process.returncode == 0, rest
    assert time.monotonic() - begin < 2


def test_without_autostart_the_node_waits_for_a_manager():
    process, lines = start("-p", "autostart:=false")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 0
    assert "ros2 lifecycle set" in lines[-1]
