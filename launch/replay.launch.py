"""Plays a bag into the node: ros2 launch autoseg3d replay.launch.py bag:=PATH rviz:=true."""

from __future__ import annotations

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.event_handlers import OnStateTransition

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity

SHARE = Path(get_package_share_directory("autoseg3d"))
BOOLEAN = ["true", "false"]
ARGUMENTS = [
    DeclareLaunchArgument("bag", description="the bag to play (a folder, .mcap or .db3)"),
    DeclareLaunchArgument("rate", default_value="1.0", description="speed; 0.5 plays at half the speed"),
    DeclareLaunchArgument("loop", default_value="false", choices=BOOLEAN, description="repeat the bag"),
]
DEFAULTS = {
    "camera": "none",
    "params_file": str(SHARE / "config" / "autoseg3d.yaml"),
    "target_frame": "",
    "policy": "every",
    "color_transport": "",
    "depth_transport": "",
    "rviz": "true",
}
"""Arguments that are passed on to autoseg3d.launch.py."""


def actions(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Return the node on simulated time, and the player, which starts when the node is active."""
    given = {a.name: LaunchConfiguration(a.name).perform(context) for a in ARGUMENTS}
    play = ["ros2", "bag", "play", given["bag"], "--clock", "100", "--rate", given["rate"]]
    play += ["--loop"] if given["loop"] == "true" else []
    passed_on = {name: LaunchConfiguration(name) for name in DEFAULTS}
    node = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(SHARE / "launch" / "autoseg3d.launch.py")),
        launch_arguments={**passed_on, "use_sim_time": "true"}.items(),
    )
    player = ExecuteProcess(cmd=play, output="screen")
    when_active = OnStateTransition(goal_state="active", entities=[player], handle_once=True)
    return [RegisterEventHandler(when_active), node]


def generate_launch_description() -> LaunchDescription:
    """Return what `ros2 launch` starts."""
    arguments = [
        DeclareLaunchArgument(name, default_value=value, description="as for autoseg3d.launch.py")
        for name, value in DEFAULTS.items()
    ]
    return LaunchDescription([*ARGUMENTS, *arguments, OpaqueFunction(function=actions)])
