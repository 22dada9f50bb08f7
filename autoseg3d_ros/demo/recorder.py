"""Records topics into a rosbag2 MCAP file without looking into the messages."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path

from ament_index_python import get_package_share_directory
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosbags.interfaces import Connection
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from autoseg3d_core.datasets.bag_qos import BAG_VERSION, offered_qos
from autoseg3d_core.resources import resource_path
from autoseg3d_ros.demo.player import message_class

VISION = "vision_msgs"
OWN_MESSAGES = ("Instance", "InstanceArray", "InstanceEvent", "FrameStatus")


def typestore() -> Typestore:
    """Return the standard messages of ROS 2 with our own, and those of vision_msgs where it is installed."""
    store = get_typestore(Stores.ROS2_HUMBLE)
    if is_installed(VISION):
        for file in sorted(Path(get_package_share_directory(VISION), "msg").glob("*.msg")):
            store.register(get_types_from_msg(file.read_text(encoding="utf-8"), f"{VISION}/msg/{file.stem}"))
    for name in OWN_MESSAGES:
        text = resource_path(f"msg/{name}.msg").read_text(encoding="utf-8")
        store.register(get_types_from_msg(text, f"autoseg3d/msg/{name}"))
    return store


def is_installed(package: str) -> bool:
    """Tell whether a package of messages can be used here."""
    return importlib.util.find_spec(package) is not None


class BagRecorder:
    """Writes the messages of some topics to a bag, stamped by the given clock in nanoseconds."""

    def __init__(
        self, node: Node, path: Path, topics: Mapping[str, str], now_ns: Callable[[], int], latched: set[str]
    ) -> None:
        self._writer = Writer(path, version=BAG_VERSION, storage_plugin=StoragePlugin.MCAP)
        self._writer.open()
        self._now_ns = now_ns
        self.counts = dict.fromkeys(topics, 0)
        store = typestore()
        for topic, kind in topics.items():
            connection = self._writer.add_connection(
                topic, kind, typestore=store, offered_qos_profiles=[offered_qos(topic in latched)]
            )
            node.create_subscription(
                message_class(kind), topic, self._writing(connection), _wanted(topic in latched), raw=True
            )

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()

    def _writing(self, connection: Connection) -> Callable[[bytes], None]:
        def write(data: bytes) -> None:
            self._writer.write(connection, self._now_ns(), data)
            self.counts[connection.topic] += 1

        return write


def _wanted(latched: bool) -> QoSProfile:
    durability = DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE
    return QoSProfile(depth=100, durability=durability, reliability=ReliabilityPolicy.RELIABLE)
