"""The environment file that the set-up writes works in every shell and with every ROS 2."""

import importlib.util
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def ros_workspace():
    spec = importlib.util.spec_from_file_location("ros_workspace", ROOT / "scripts" / "ros_workspace.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sourced(ros_workspace, tmp_path, real_ros, **environment):
    """Return the variables of a shell that has sourced the written file."""
    venv = tmp_path / "venv"
    (venv / "lib" / "python3.11" / "site-packages" / "ros_rcl.libs").mkdir(parents=True)
    ros_workspace.write_environment(tmp_path, venv, real_ros, {})
    command = ["sh", "-c", f". {tmp_path / 'build' / 'ros' / 'environment.sh'} && env"]
    given = {"PATH": os.environ["PATH"], **environment}
    lines = subprocess.run(command, env=given, text=True, capture_output=True, check=True).stdout.splitlines()
    return dict(line.split("=", 1) for line in lines)


@pytest.mark.parametrize(
    ("real_ros", "release", "name", "other"),
    [
        (False, "", "FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE"),
        (True, "lyrical", "FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE"),
        (True, "jazzy", "FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"),
        (True, "humble", "FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"),
    ],
)
def test_fast_dds_finds_room_for_images_by_its_release_s_name_unless_the_user_has_a_profile(
    ros_workspace, tmp_path, monkeypatch, real_ros, release, name, other
):
    monkeypatch.setenv("ROS_DISTRO", release)
    found = sourced(ros_workspace, tmp_path / "one", real_ros)
    assert found[name] == str(tmp_path / "one" / "config" / "fastdds.xml")
    assert other not in found
    found = sourced(ros_workspace, tmp_path / "two", real_ros, **{name: "mine.xml"})
    assert found[name] == "mine.xml"


def test_a_sourced_ros_stays_on_the_paths_behind_the_workspace(ros_workspace, tmp_path):
    found = sourced(ros_workspace, tmp_path, True, PYTHONPATH="/ros/py", AMENT_PREFIX_PATH="/ros")
    install = str(tmp_path / "build" / "ros" / "install")
    assert found["AMENT_PREFIX_PATH"].split(":") == [install, "/ros"]
    assert found["PYTHONPATH"].endswith(":/ros/py")
    assert "_ROS_WHEELS_BOOTSTRAP_COMPLETE" not in found


def test_beside_a_sourced_ros_everything_needed_is_asked_for_without_the_pins_of_the_wheels():
    folder = ROOT / "scripts" / "requirements"

    def names(name):
        lines = (folder / name).read_text().splitlines()
        return {re.split(r"[<>=;# ]", line)[0] for line in lines if line and not line.startswith("#")}

    assert names("core.txt") | (names("development.txt") - {"spconv"}) <= names("sourced_ros.txt")
    numpy = [
        line for line in (folder / "sourced_ros.txt").read_text().splitlines() if line.startswith("numpy")
    ]
    assert 'numpy>=1.23,<2; python_version < "3.13"' in numpy
