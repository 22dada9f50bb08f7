"""A simulated camera and the node: ros2 launch autoseg3d simulated.launch.py source:=simulation:5000."""

from __future__ import annotations

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchDescription

SHARE = Path(get_package_share_directory("autoseg3d"))
BOOLEAN = ["true", "false"]


def generate_launch_description() -> LaunchDescription:
    """Return what `ros2 launch` starts."""
    arguments = [
        DeclareLaunchArgument(
            "source",
            default_value="simulation:5000",
            description="simulation:SEED, a bag, or a folder of posed images",
        ),
        DeclareLaunchArgument("rate_hz", default_value="5.0", description="frames per second"),
        DeclareLaunchArgument(
            "loop", default_value="true", choices=BOOLEAN, description="start again at the end"
        ),
        DeclareLaunchArgument("rviz", default_value="true", choices=BOOLEAN, description="also start RViz"),
    ]
    camera = Node(
        package="autoseg3d",
        executable="simulated_camera",
        name="simulated_camera",
        output="screen",
        parameters=[
            {
                "source": ParameterValue(LaunchConfiguration("source"), value_type=str),
                "rate_hz": ParameterValue(LaunchConfiguration("rate_hz"), value_type=float),
                "loop": ParameterValue(LaunchConfiguration("loop"), value_type=bool),
            }
        ],
    )
    node = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(SHARE / "launch" / "autoseg3d.launch.py")),
        launch_arguments={"target_frame": "odom", "rviz": LaunchConfiguration("rviz")}.items(),
    )
    return LaunchDescription([*arguments, node, camera])
