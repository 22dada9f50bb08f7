"""A robot beside the node under test: its camera, its TF, and ears for every output."""

import importlib.util
import time

import pytest

MISSING = [name for name in ("rclpy", "autoseg3d", "tf2_ros") if importlib.util.find_spec(name) is None]
collect_ignore_glob = ["test_*.py"] if MISSING else []

if not MISSING:
    from autoseg3d.msg import FrameStatus, InstanceArray, InstanceEvent
    from diagnostic_msgs.msg import DiagnosticArray
    from geometry_msgs.msg import TransformStamped
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.parameter import Parameter
    from rclpy.qos import QoSProfile
    from sensor_msgs.msg import CameraInfo, Image, PointCloud2
    from tf2_ros import TransformBroadcaster
    from visualization_msgs.msg import MarkerArray

    from autoseg3d_ros.messages import stamp_from_ns
    from autoseg3d_ros.node import SegmenterNode
    from autoseg3d_ros.segmenter import BuiltSegmenter

    OUTPUTS = {
        "points": PointCloud2,
        "map_points": PointCloud2,
        "instances": InstanceArray,
        "label_image": Image,
        "debug_image": Image,
        "markers": MarkerArray,
        "events": InstanceEvent,
        "status": FrameStatus,
    }


class Robot:
    """A camera, TF and a listener in one node beside the node under test."""

    def __init__(self, ros, make_segmenter, camera_set, namespace="", **parameters):
        self.camera_set, self.built = camera_set, []
        self.make_segmenter = make_segmenter
        overrides = {"input.clock_warning_s": 1e12, **parameters}
        self.node = SegmenterNode(
            build=self.build,
            namespace=namespace,
            parameter_overrides=[Parameter(name, value=value) for name, value in overrides.items()],
        )
        self.side = ros.create_node("robot", namespace=namespace)
        qos = QoSProfile(depth=10)
        self.publishers = [
            self.side.create_publisher(kind, name, qos)
            for kind, name in ((Image, "rgb/image"), (Image, "depth/image"), (CameraInfo, "rgb/camera_info"))
        ]
        self.tf = TransformBroadcaster(self.side)
        self.heard = {name: [] for name in OUTPUTS}
        for name, kind in OUTPUTS.items():
            self.side.create_subscription(kind, f"autoseg3d/{name}", self.heard[name].append, 50)
        self.diagnostics = []
        self.side.create_subscription(DiagnosticArray, "/diagnostics", self.diagnostics.append, 10)
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.executor.add_node(self.side)

    def build(self, config, first_id):
        segmenter = self.make_segmenter(first_id)
        self.built.append(segmenter)
        return BuiltSegmenter(segmenter, segmenter.configs.append, lambda: segmenter.next_id, ("chair",))

    @property
    def segmenter(self):
        return self.built[-1]

    def start(self):
        assert self.node.start()
        assert self.spin(lambda: all(p.get_subscription_count() for p in self.publishers))
        assert self.spin(lambda: self.side.count_subscribers("/tf") > 0)
        assert self.spin(lambda: self.side.count_publishers("autoseg3d/status") > 0)
        self.spin(lambda: False, 0.3)
        return self

    def spin(self, condition, timeout_s=5.0):
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            if condition():
                return True
            self.executor.spin_once(timeout_sec=0.01)
        return bool(condition())

    def send_tf(self, stamp_ns, x=0.0):
        message = TransformStamped(child_frame_id="camera")
        message.header.frame_id, message.header.stamp = "odom", stamp_from_ns(stamp_ns)
        message.transform.translation.x, message.transform.rotation.w = float(x), 1.0
        self.tf.sendTransform(message)

    def send(self, stamp_ns, tf=True, **options):
        if tf:
            self.send_tf(stamp_ns)
        for publisher, message in zip(self.publishers, self.camera_set(stamp_ns, **options), strict=True):
            publisher.publish(message)

    def play(self, stamps):
        """Send sets one by one, and wait for what becomes of each."""
        for stamp_ns in stamps:
            before = self.settled()
            self.send(stamp_ns)
            assert self.spin(lambda before=before: self.settled() > before, 30), f"no news of {stamp_ns}"

    def settled(self):
        return sum(self.node._ledger.counts.totals().values())

    def totals(self):
        return {o.name: n for o, n in self.node._ledger.counts.totals().items() if n}

    def call(self, kind, name, request):
        client = self.side.create_client(kind, f"autoseg3d/{name}")
        assert self.spin(client.service_is_ready)
        future = client.call_async(request)
        assert self.spin(future.done)
        self.side.destroy_client(client)
        return future.result()

    def close(self):
        assert self.node.close()
        self.executor.remove_node(self.node)
        self.executor.remove_node(self.side)
        self.executor.shutdown()
        self.node.destroy_node()
        self.side.destroy_node()


@pytest.fixture
def make_robot(ros, fake_segmenter, camera_set):
    robots = []

    def make(segmenter=None, **parameters):
        options = segmenter or {}
        robots.append(
            Robot(
                ros, lambda first_id: fake_segmenter(first_id=first_id, **options), camera_set, **parameters
            )
        )
        return robots[-1]

    yield make
    for robot in robots:
        robot.close()
