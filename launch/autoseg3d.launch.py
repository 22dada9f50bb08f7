"""Starts the node, with RViz on request: ros2 launch autoseg3d autoseg3d.launch.py camera:=realsense."""

from __future__ import annotations

import os
from pathlib import Path

from ament_index_python.packages import (
    PackageNotFoundError,
    get_package_prefix,
    get_package_share_directory,
)
from launch.actions import DeclareLaunchArgument, LogInfo, OpaqueFunction, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode, Node

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity

SHARE = Path(get_package_share_directory("autoseg3d"))
BOOLEAN = ["true", "false"]
ARGUMENTS = [
    DeclareLaunchArgument(
        "camera",
        default_value="none",
        choices=["none", "realsense", "zed", "oak", "orbbec"],
        description="camera driver whose topics to use; none uses rgb/image, depth/image and rgb/camera_info",
    ),
    DeclareLaunchArgument(
        "params_file",
        default_value=str(SHARE / "config" / "autoseg3d.yaml"),
        description="YAML file with parameters; the camera's topics and the arguments below override it",
    ),
    DeclareLaunchArgument(
        "target_frame", default_value="", description="world frame of the outputs; empty: as in params_file"
    ),
    DeclareLaunchArgument("namespace", default_value="", description="namespace of the node"),
    DeclareLaunchArgument("name", default_value="autoseg3d", description="name of the node"),
    DeclareLaunchArgument(
        "use_sim_time", default_value="false", choices=BOOLEAN, description="use the time from /clock"
    ),
    DeclareLaunchArgument(
        "autostart",
        default_value="true",
        choices=BOOLEAN,
        description="configure and activate the node; false leaves this to a lifecycle manager",
    ),
    DeclareLaunchArgument(
        "policy",
        default_value="",
        choices=["", "latest", "every"],
        description="which frames to process (input.policy); empty: as in params_file",
    ),
    DeclareLaunchArgument(
        "color_transport",
        default_value="",
        choices=["", "raw", "compressed"],
        description="how colour images are sent (input.color_transport); empty: as in params_file",
    ),
    DeclareLaunchArgument(
        "depth_transport",
        default_value="",
        choices=["", "raw", "compressedDepth"],
        description="how depth images are sent (input.depth_transport); empty: as in params_file",
    ),
    DeclareLaunchArgument("rviz", default_value="false", choices=BOOLEAN, description="also start RViz"),
    DeclareLaunchArgument(
        "log_level",
        default_value="info",
        choices=["debug", "info", "warn", "error"],
        description="lowest level of log messages to print",
    ),
]
SHORTCUTS = {
    "target_frame": "target_frame",
    "policy": "input.policy",
    "color_transport": "input.color_transport",
    "depth_transport": "input.depth_transport",
}
"""Arguments that set a parameter, where they are given."""


def room_for_images() -> list[LaunchDescriptionEntity]:
    """Give Fast DDS enough shared memory for images, unless the user has a profile; others ignore it."""
    is_old = os.environ.get("ROS_DISTRO") in ("humble", "iron", "jazzy")
    name = "FASTRTPS_DEFAULT_PROFILES_FILE" if is_old else "FASTDDS_DEFAULT_PROFILES_FILE"
    if name in os.environ:
        return []
    return [SetEnvironmentVariable(name, str(SHARE / "config" / "fastdds.xml"))]


def nodes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Return the node, and RViz if asked for."""
    given = {a.name: LaunchConfiguration(a.name).perform(context) for a in ARGUMENTS}
    use_sim_time = given["use_sim_time"] == "true"
    if not Path(given["params_file"]).is_file():  # launch itself would only warn, and start with defaults
        raise FileNotFoundError(f"params_file: there is no file {given['params_file']}")
    parameters: list[str | dict[str, object]] = [given["params_file"]]
    if given["camera"] != "none":
        parameters.append(str(SHARE / "config" / f"{given['camera']}.yaml"))
    changes: dict[str, object] = {
        "use_sim_time": use_sim_time,
        "autostart": given["autostart"] == "true",
    }
    changes |= {key: given[name] for name, key in SHORTCUTS.items() if given[name]}
    started: list[LaunchDescriptionEntity] = [
        LifecycleNode(
            package="autoseg3d",
            executable="autoseg3d_node",
            name=given["name"],
            namespace=given["namespace"],
            parameters=[*parameters, changes],
            arguments=["--ros-args", "--log-level", given["log_level"]],
            output="screen",
        )
    ]
    return [*started, rviz(use_sim_time)] if given["rviz"] == "true" else started


def rviz(use_sim_time: bool) -> LaunchDescriptionEntity:
    """Return RViz, or a line that says how to install it."""
    try:
        get_package_prefix("rviz2")
    except PackageNotFoundError:
        return LogInfo(msg="no RViz: sudo apt install ros-$ROS_DISTRO-rviz2, or leave out rviz:=true")
    return Node(
        package="rviz2",
        executable="rviz2",
        arguments=["-d", str(SHARE / "config" / "autoseg3d.rviz")],
        parameters=[{"use_sim_time": use_sim_time}],
    )


def generate_launch_description() -> LaunchDescription:
    """Return what `ros2 launch` starts."""
    return LaunchDescription([*ARGUMENTS, *room_for_images(), OpaqueFunction(function=nodes)])
