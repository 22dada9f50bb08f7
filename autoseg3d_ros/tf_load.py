"""What listening to TF costs: `python -m autoseg3d_ros.tf_load --rate 1000 --transforms 1 --seconds 10`.

Another process sends TF; this one listens as the node does, and asks for the camera's pose now and then.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import rclpy
from geometry_msgs.msg import TransformStamped
from rclpy.qos import QoSProfile
from tf2_msgs.msg import TFMessage

from autoseg3d_ros.messages import stamp_from_ns
from autoseg3d_ros.node_config import NodeConfig
from autoseg3d_ros.pose_source import PoseSource

ASK_S, PATIENCE_S = 0.1, 30.0
CAMERA, WORLD = "link_0", NodeConfig().world


@dataclass(frozen=True)
class TfCost:
    """Share of one CPU core; how old the newest pose was when asked for, the median and at worst."""

    share_of_core: float
    median_age_ms: float
    worst_age_ms: float


def send(rate_hz: float, transforms: int) -> None:
    """Send a robot of so many links, so often, until killed."""
    rclpy.init()
    node = rclpy.create_node("tf_load_sender")
    publisher = node.create_publisher(TFMessage, "/tf", QoSProfile(depth=100))
    links = [TransformStamped(child_frame_id=f"link_{index}") for index in range(transforms)]
    for link in links:
        link.header.frame_id, link.transform.rotation.w = WORLD, 1.0
    due = time.monotonic()
    while True:
        for link in links:
            link.header.stamp = stamp_from_ns(time.time_ns())
        publisher.publish(TFMessage(transforms=links))
        due += 1 / rate_hz
        time.sleep(max(due - time.monotonic(), 0.0))


def measure(rate_hz: float, transforms: int, seconds: float) -> TfCost:
    """Return what it costs to listen for some seconds; raises `TimeoutError` where no TF is heard."""
    sender = multiprocessing.get_context("spawn").Process(target=send, args=(rate_hz, transforms))
    sender.start()
    rclpy.init()
    node = rclpy.create_node("tf_load")
    poses = PoseSource(node, NodeConfig())
    try:
        end = time.monotonic() + PATIENCE_S
        while poses.lag_ms(WORLD, CAMERA, 0) is None:
            if time.monotonic() > end:
                raise TimeoutError(f"no TF within {PATIENCE_S:.0f} s")
            time.sleep(ASK_S)
        ages, start, used = [], time.monotonic(), _cpu_s()
        while time.monotonic() - start < seconds:
            time.sleep(ASK_S)
            ages.append(poses.lag_ms(WORLD, CAMERA, time.time_ns()) or 0.0)
        share = (_cpu_s() - used) / (time.monotonic() - start)
    finally:
        sender.kill()
        sender.join()
        poses.close()
        node.destroy_node()
        rclpy.try_shutdown()
    return TfCost(share, statistics.median(ages), max(ages))


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the cost."""
    parser = argparse.ArgumentParser(description="what listening to TF costs")
    parser.add_argument("--rate", type=float, default=1000.0, help="messages per second")
    parser.add_argument("--transforms", type=int, default=1, help="transforms per message")
    parser.add_argument("--seconds", type=float, default=10.0)
    args = parser.parse_args(arguments)
    cost = measure(args.rate, args.transforms, args.seconds)
    print(
        f"{args.rate:g} messages/s of {args.transforms} transforms: {cost.share_of_core:.1%} of a core; "
        f"the newest pose is {cost.median_age_ms:.1f} ms old, at worst {cost.worst_age_ms:.0f} ms"
    )


if __name__ == "__main__":
    main()
