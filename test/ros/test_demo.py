"""The demo over real DDS: the bundled recording into the live node, and what is shown of it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from rosbags.rosbag2 import Reader

from autoseg3d_core.resources import resource_path
from autoseg3d_ros.demo.__main__ import main

ROOT = Path(__file__).resolve().parents[2]


ENOUGH = 20
"""Processed frames after which most of the recorded room has been seen."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Return the process and its results; on a busy machine of a slower demo, which processes more frames."""
    out = tmp_path_factory.mktemp("demo") / "out"
    for rate in ("1.0", "0.15"):
        command = [sys.executable, "-m", "autoseg3d_ros.demo", "--out", str(out), "--rate", rate]
        process = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
        if process.returncode or summary_of(out)["frames"]["processed"] >= ENOUGH:
            break
    return process, out


def summary_of(out):
    return json.loads((out / "summary.json").read_text())


def test_the_demo_ends_well_and_accounts_for_every_frame_that_it_received(demo):
    process, out = demo
    assert process.returncode == 0, process.stderr
    frames = summary_of(out)["frames"]
    recorded, received = frames.pop("recorded"), frames.pop("received")
    assert recorded == 90
    assert 0 < received <= recorded  # a busy machine may lose images on their way
    assert sum(frames.values()) == received
    assert frames["processed"] > 0  # how many is speed, which `autoseg3d bench` measures


def test_the_demo_scores_against_the_truth(demo):
    summary = summary_of(demo[1])
    assert summary["scores"]["objects"] == 32
    assert summary["scores"]["ap25"] > 20
    assert summary["tracks"] > 20
    assert summary["events"]["confirmed"] >= summary["tracks"]


def test_the_demo_leaves_files_to_look_at(demo):
    out = demo[1]
    for name in ("scene.png", "from_above.png"):
        assert cv2.imread(str(out / name)).std() > 20, name
    assert (out / "scene.ply").stat().st_size > 100_000
    assert list((out / "outputs").glob("*.mcap"))


def test_frames_that_the_node_processed_have_pictures_whichever_they_are(demo):
    process, out = demo
    summary = summary_of(out)
    processed, recorded = summary["frames"]["processed"], summary["with_all_outputs_recorded"]
    pictures = sorted((out / "frames").glob("*.png"))
    assert recorded > 0
    assert min(recorded, 8) <= len(pictures) <= min(recorded, 16)
    assert all(cv2.imread(str(file)).std() > 20 for file in pictures)
    assert ("not every output reached the recorder" in process.stdout) == (recorded < processed)


def test_the_demo_prints_its_tables(demo):
    for words in ("recorded", "dropped: busy", "median ms", "confirmed tracks", "id switches"):
        assert words in demo[0].stdout


def test_the_recording_has_every_output_that_the_layouts_show(demo):
    with Reader(demo[1] / "outputs") as reader:
        counts = {name: topic.msgcount for name, topic in reader.topics.items()}
    outputs = {f"/autoseg3d/{kind}" for kind in ("points", "map_points", "debug_image", "markers")}
    recorded = {name for name, count in counts.items() if count > 0}
    assert outputs | {"/autoseg3d/detections", "/autoseg3d/label_info"} <= recorded
    for layout in ("autoseg3d.rviz", "autoseg3d.foxglove.json"):
        shown = set(re.findall(r"/autoseg3d/\w+", (ROOT / "config" / layout).read_text()))
        assert shown <= recorded, layout


@pytest.mark.parametrize("content", [None, b"", b"not a bag"])
def test_a_recording_that_cannot_be_read_is_named(tmp_path, capsys, content):
    bag = tmp_path / "walk.mcap"
    if content is not None:
        bag.write_bytes(content)
    assert main([str(bag), "--out", str(tmp_path / "out")]) == 2
    assert "walk" in capsys.readouterr().err


def test_a_recording_of_other_topics_is_refused_with_what_to_do_instead(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("autoseg3d_ros.demo.__main__.DEPTH", "/elsewhere")
    assert main([str(resource_path("demo/recording")), "--out", str(tmp_path / "out")]) == 2
    assert "ros2 bag play" in capsys.readouterr().err
