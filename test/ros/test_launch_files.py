"""The launch files offer few, described arguments, and start what they say."""

import importlib.util
from pathlib import Path

import pytest

launch = pytest.importorskip(
    "launch.actions", reason="launch comes with a ROS installation, not with the wheels"
)
pytest.importorskip("launch_ros", reason="launch_ros comes with a ROS installation, not with the wheels")
LAUNCH = Path(__file__).resolve().parents[2] / "launch"


def description_of(name):
    spec = importlib.util.spec_from_file_location(name.replace(".", "_"), LAUNCH / name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.generate_launch_description()


@pytest.mark.parametrize("path", sorted(LAUNCH.glob("*.launch.py")), ids=lambda path: path.name)
def test_arguments_are_few_and_described(path):
    arguments = description_of(path.name).get_launch_arguments()
    assert 0 < len(arguments) <= 20
    assert all(argument.description for argument in arguments)
