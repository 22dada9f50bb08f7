"""The shipped configuration files name only what exists."""

import json
from pathlib import Path

import pytest
import yaml

from autoseg3d_core.config import from_mapping
from autoseg3d_ros.node_config import NodeConfig

CONFIG = Path(__file__).resolve().parents[2] / "config"
OUTPUTS = {"points", "map_points", "instances", "detections", "label_info", "label_image", "debug_image"}
OUTPUTS |= {"markers", "events", "status"}


@pytest.mark.parametrize("camera", ["realsense", "zed", "oak", "orbbec"])
def test_a_camera_preset_sets_known_parameters(camera):
    values = yaml.safe_load((CONFIG / f"{camera}.yaml").read_text())["/**"]["ros__parameters"]
    config = from_mapping(NodeConfig, values)
    topics = (config.topics.color, config.topics.depth, config.topics.camera_info)
    assert not any(topic.startswith("/") for topic in topics), "they have to follow the namespace"


def test_rviz_shows_topics_that_exist():
    displays = yaml.safe_load((CONFIG / "autoseg3d.rviz").read_text())["Visualization Manager"]["Displays"]
    shown = {d["Topic"]["Value"].removeprefix("/autoseg3d/") for d in displays if "Topic" in d}
    assert shown <= OUTPUTS
    assert {"points", "map_points", "markers"} <= shown


def test_foxglove_shows_topics_that_exist():
    layout = json.loads((CONFIG / "autoseg3d.foxglove.json").read_text())
    scene = layout["configById"]["3D!scene"]["topics"]
    assert {topic.removeprefix("/autoseg3d/") for topic in scene} <= OUTPUTS
