"""Plays a bag into the node: ros2 launch autoseg3d replay.launch.py bag:=PATH rviz:=true."""

from __future__ import annotations

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, ExecuteProcess, IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity

SHARE = Path(get_package_share_directory("autoseg3d"))
BOOLEAN = ["true", "false"]
ARGUMENTS = [
    DeclareLaunchArgument("bag", description="the bag to play (a folder, .mcap or .db3)"),
    DeclareLaunchArgument("rate", default_value="1.0", description="speed; 0.5 plays at half the speed"),
    DeclareLaunchArgument("loop", default_value="false", choices=BOOLEAN, description="repeat the bag"),
]
PASSED_ON = ("camera", "params_file", "target_frame", "policy", "rviz")
DEFAULTS = {"rviz": "true", "camera": "none", "policy": "every", "target_frame": ""}


def actions(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Return the player and the node on simulated time."""
    given = {a.name: LaunchConfiguration(a.name).perform(context) for a in ARGUMENTS}
    play = ["ros2", "bag", "play", given["bag"], "--clock", "100", "--rate", given["rate"]]
    play += ["--loop"] if given["loop"] == "true" else []
    passed_on = {name: LaunchConfiguration(name) for name in PASSED_ON}
    node = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(SHARE / "launch" / "autoseg3d.launch.py")),
        launch_arguments={**passed_on, "use_sim_time": "true"}.items(),
    )
    return [node, ExecuteProcess(cmd=play, output="screen")]


def generate_launch_description() -> LaunchDescription:
    """Return what `ros2 launch` starts."""
    defaults = {"params_file": str(SHARE / "config" / "autoseg3d.yaml"), **DEFAULTS}
    arguments = [
        DeclareLaunchArgument(name, default_value=defaults[name], description="as for autoseg3d.launch.py")
        for name in PASSED_ON
    ]
    return LaunchDescription([*ARGUMENTS, *arguments, OpaqueFunction(function=actions)])
