"""The documented way to install on a robot: rosdep or robot.txt has all that the node checks for."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from autoseg3d_ros.packages import NEEDED

ROOT = Path(__file__).resolve().parents[2]
ROBOT = ROOT / "scripts" / "requirements" / "robot.txt"
ROSDEP = {"numpy": "python3-numpy", "cv2": "python3-opencv", "scipy": "python3-scipy", "yaml": "python3-yaml"}
ROSDEP |= {"tqdm": "python3-tqdm"}


def requirements():
    lines = (line.split("#")[0].strip() for line in ROBOT.read_text().splitlines())
    return [Requirement(line) for line in lines if line]


def named(name, python_version):
    marks = {"python_version": python_version}
    return [r for r in requirements() if r.name == name and (not r.marker or r.marker.evaluate(marks))]


def test_everything_that_the_node_checks_for_is_installed():
    package = ElementTree.parse(ROOT / "package.xml")
    by_rosdep = {element.text for element in package.iter("exec_depend")}
    by_pip = {requirement.name for requirement in requirements()}
    assert [name for name in NEEDED if ROSDEP.get(name) not in by_rosdep and name not in by_pip] == []


def test_no_second_opencv_is_installed_beside_the_systems():
    assert not [r.name for r in requirements() if "opencv" in r.name or r.name == "ultralytics"]


@pytest.mark.parametrize("python_version", ["3.10", "3.12"])
@pytest.mark.parametrize("numpy", ["2.0.0", "2.4.6"])
def test_numpy_stays_the_one_that_ros_is_built_for(python_version, numpy):
    [requirement] = named("numpy", python_version)
    assert numpy not in requirement.specifier


@pytest.mark.parametrize(("python_version", "numpy"), [("3.10", "1.24.4"), ("3.12", "1.26.4")])
def test_there_is_a_numpy_that_fits(python_version, numpy):
    [requirement] = named("numpy", python_version)
    assert numpy in requirement.specifier


def test_the_readme_says_this_way_and_no_other():
    section = re.search(r"## On a robot\n(.*?)\n## ", (ROOT / "README.md").read_text(), re.S).group(1)
    assert "venv --system-site-packages" in section
    assert "scripts/requirements/robot.txt" in section
    assert "--no-deps -r src/autoseg3d/scripts/requirements/masks.txt" in section
    installs = [line for line in section.splitlines() if "pip install" in line]
    assert all("-r src/autoseg3d/scripts/requirements/" in line for line in installs)
