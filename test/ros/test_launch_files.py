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


def started(**arguments):
    """Return what the launch file would start with these arguments."""
    from launch.actions import DeclareLaunchArgument, OpaqueFunction

    from launch import LaunchContext

    context = LaunchContext()
    context.launch_configurations.update(arguments)
    found = []
    for entity in description_of("autoseg3d.launch.py").entities:
        if isinstance(entity, DeclareLaunchArgument):
            entity.execute(context)
        elif isinstance(entity, OpaqueFunction):
            found += entity.execute(context)
    return found


def install_rviz(monkeypatch, is_there):
    """Let rviz2 look installed or not, whatever this machine has."""
    from ament_index_python import packages

    others = packages.get_package_prefix

    def prefix(name):
        if name != "rviz2":
            return others(name)
        if not is_there:
            raise packages.PackageNotFoundError(name)
        return "/somewhere"

    monkeypatch.setattr(packages, "get_package_prefix", prefix)


def test_a_missing_parameter_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"params_file.*nope\.yaml"):
        started(params_file=str(tmp_path / "nope.yaml"))


@pytest.mark.parametrize("camera", ["none", "realsense", "zed", "oak", "orbbec"])
@pytest.mark.parametrize("rviz", ["true", "false"])
def test_every_camera_starts_one_node_and_rviz_on_request(camera, rviz, monkeypatch):
    install_rviz(monkeypatch, True)
    nodes = started(camera=camera, rviz=rviz)
    assert [node.node_package for node in nodes] == ["autoseg3d", "rviz2"][: 1 + (rviz == "true")]


def test_an_unknown_camera_is_refused():
    with pytest.raises(RuntimeError, match="realsense"):
        started(camera="kinect")


def test_a_missing_rviz_is_told_and_the_node_starts(monkeypatch):
    install_rviz(monkeypatch, False)
    node, line = started(rviz="true")
    assert node.node_package == "autoseg3d"
    assert "ros-$ROS_DISTRO-rviz2" in "".join(part.text for part in line.msg)


def test_a_bag_is_played_only_once_the_node_is_active():
    from launch.actions import DeclareLaunchArgument, ExecuteProcess, OpaqueFunction, RegisterEventHandler

    from launch import LaunchContext

    context = LaunchContext()
    context.launch_configurations["bag"] = "room.mcap"
    found = []
    for entity in description_of("replay.launch.py").entities:
        if isinstance(entity, DeclareLaunchArgument):
            entity.execute(context)
        elif isinstance(entity, OpaqueFunction):
            found += entity.execute(context)
    assert not any(isinstance(action, ExecuteProcess) for action in found)
    [waiting] = [action for action in found if isinstance(action, RegisterEventHandler)]
    assert [type(action) for action in waiting.event_handler.entities] == [ExecuteProcess]


@pytest.mark.parametrize("name", ["color_transport", "depth_transport"])
def test_transports_are_arguments_of_both_launch_files(name):
    for file in ("autoseg3d.launch.py", "replay.launch.py"):
        assert name in [argument.name for argument in description_of(file).get_launch_arguments()]
