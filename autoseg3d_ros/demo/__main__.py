"""`make demo`: plays the bundled recording into the live node and shows what comes out of it.

python -m autoseg3d_ros.demo [BAG] [--out DIR] [--rate 1.0]
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from pathlib import Path

import rclpy
from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import GetState
from rclpy.client import Client
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from tqdm import tqdm

from autoseg3d_core.cli.demo import add_arguments
from autoseg3d_core.cli.results import list_results, results_folder
from autoseg3d_core.config import ConfigError
from autoseg3d_core.datasets.rosbag import RosbagSequence
from autoseg3d_core.datasets.source_options import SourceOptions
from autoseg3d_core.resources import resource_path
from autoseg3d_core.structures import InputError
from autoseg3d_ros.demo.live_node import LiveNode
from autoseg3d_ros.demo.player import BagPlayer
from autoseg3d_ros.demo.recorder import BagRecorder, is_installed
from autoseg3d_ros.demo.show import show

RESULTS = {
    "scene.png": "the map with boxes and ids",
    "from_above.png": "the same from above",
    "frames": "labels over up to 16 images, evenly spread",
    "scene.ply": "the labelled map",
    "summary.json": "frames, times, scores",
    "outputs": "MCAP of all inputs and outputs, for RViz and Foxglove",
    "recording.rrd": "every frame, for the Rerun viewer",
    "node.log": "what the node said",
}
NODE = "/autoseg3d"
CAMERA = "/camera"
COLOR = f"{CAMERA}/color/image_raw/compressed"
DEPTH = f"{CAMERA}/depth/image_raw/compressedDepth"
INFO = f"{CAMERA}/color/camera_info"
TARGET_FRAME = "odom"
PARAMETERS = {
    "use_sim_time": True,
    "target_frame": TARGET_FRAME,
    "input.color_transport": "compressed",
    "input.depth_transport": "compressedDepth",
    "publish.cloud_color": "instance",
}
REMAPPINGS = {
    "rgb/image": f"{CAMERA}/color/image_raw",
    "depth/image": f"{CAMERA}/depth/image_raw",
    "rgb/camera_info": INFO,
}
OUTPUTS = {
    f"{NODE}/points": "sensor_msgs/msg/PointCloud2",
    f"{NODE}/map_points": "sensor_msgs/msg/PointCloud2",
    f"{NODE}/instances": "autoseg3d/msg/InstanceArray",
    f"{NODE}/events": "autoseg3d/msg/InstanceEvent",
    f"{NODE}/status": "autoseg3d/msg/FrameStatus",
    f"{NODE}/label_image": "sensor_msgs/msg/Image",
    f"{NODE}/debug_image": "sensor_msgs/msg/Image",
    f"{NODE}/markers": "visualization_msgs/msg/MarkerArray",
    "/diagnostics": "diagnostic_msgs/msg/DiagnosticArray",
}
VISION_OUTPUTS = {
    f"{NODE}/detections": "vision_msgs/msg/Detection3DArray",
    f"{NODE}/label_info": "vision_msgs/msg/LabelInfo",
}
"""Published, and so recorded, only where vision_msgs is installed."""
INPUTS = {
    COLOR: "sensor_msgs/msg/CompressedImage",
    INFO: "sensor_msgs/msg/CameraInfo",
    "/tf": "tf2_msgs/msg/TFMessage",
    "/tf_static": "tf2_msgs/msg/TFMessage",
}
HEARD = {*INPUTS, DEPTH}
"""What the node listens to; of these the inputs are recorded too."""
LATCHED = {f"{NODE}/map_points", f"{NODE}/label_info", "/tf_static"}
START_TIMEOUT_S = 60.0
SETTLE_S = 2.0


def main(argv: list[str] | None = None) -> int:
    """Run the demo; returns 0 when frames were processed and the node stopped cleanly."""
    parser = argparse.ArgumentParser(prog="autoseg3d demo", description=__doc__)
    add_arguments(parser)
    args = parser.parse_args(argv)
    try:
        return run(args)
    except (InputError, ConfigError) as error:
        print(f"autoseg3d demo: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def run(args: argparse.Namespace) -> int:
    """Play, record, and show."""
    bag = Path(args.bag) if args.bag else resource_path("demo/recording")
    sequence = _opened(bag)
    with results_folder(args.out, RESULTS) as out:
        with LiveNode(PARAMETERS, REMAPPINGS, out / "node.log") as node:
            _play_and_record(bag, out / "outputs", args.rate, node)
        summary = show(sequence, out / "outputs", NODE, out)
    print("\n" + list_results(args.out, RESULTS))
    if node.exit_code != 0:
        print(f"the node ended with code {node.exit_code}: see {args.out}/node.log", file=sys.stderr)
    return 0 if summary.outcomes["processed"] and node.exit_code == 0 else 1


def _opened(bag: Path) -> RosbagSequence:
    """Return the recording; raises `InputError` when the node of this demo would hear nothing of it."""
    sequence = RosbagSequence(bag, SourceOptions(target_frame=TARGET_FRAME))
    topics = sequence.topics
    missing = {COLOR, DEPTH, INFO} - {topics.color, topics.depth, topics.info}
    if missing:
        raise InputError(
            f"{bag}: the demo plays recordings with {COLOR}, {DEPTH} and {INFO}; for others use `autoseg3d "
            "replay`, or `ros2 launch autoseg3d autoseg3d.launch.py` and `ros2 bag play --clock`"
        )
    return sequence


def _play_and_record(bag: Path, outputs: Path, rate: float, live: LiveNode) -> None:
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)  # Ctrl-C is for us to handle
    studio = Node("autoseg3d_demo")
    now = _Now()
    player = BagPlayer(studio, bag, rate)
    now.ns = player.start_ns
    topics = {**OUTPUTS, **(VISION_OUTPUTS if is_installed("vision_msgs") else {}), **INPUTS}
    recorder = BagRecorder(studio, outputs, topics, lambda: now.ns, LATCHED)
    executor = SingleThreadedExecutor()
    executor.add_node(studio)
    spinner = threading.Thread(target=executor.spin, daemon=True)
    spinner.start()
    try:
        _wait_until_active(studio, player, live)
        with tqdm(total=round(player.duration_s, 1), desc="playing", unit="s", disable=None) as bar:

            def watch(played_s: float) -> None:
                now.ns = player.start_ns + round(played_s * 1e9)
                bar.update(round(played_s, 1) - bar.n)
                live.check_alive()

            player.play(watch)
        player.run_on(SETTLE_S)
    finally:
        executor.shutdown()
        spinner.join()
        recorder.close()
        studio.destroy_node()
        rclpy.try_shutdown()


class _Now:
    """The time of the recording, shared by player and recorder."""

    ns = 0


def _wait_until_active(studio: Node, player: BagPlayer, live: LiveNode) -> None:
    """Wait for the node to be active, connected to the recording's topics and seen by the recorder."""
    client: Client = studio.create_client(GetState, f"{NODE}/get_state")
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        live.check_alive()
        player.announce()
        if client.wait_for_service(timeout_sec=0.2):
            future = client.call_async(GetState.Request())
            waited = time.monotonic() + 1.0
            while not future.done() and time.monotonic() < waited:
                time.sleep(0.02)
            listening = all(studio.count_subscribers(topic) > (topic in INPUTS) for topic in HEARD)
            speaking = all(studio.count_publishers(topic) for topic in OUTPUTS)
            answer = future.result() if future.done() else None
            is_active = answer and answer.current_state.id == State.PRIMARY_STATE_ACTIVE
            if is_active and listening and speaking:
                return
        time.sleep(0.1)
    raise InputError(f"the node was not active after {START_TIMEOUT_S:.0f} s; {live.last_words()}")


if __name__ == "__main__":
    sys.exit(main())
