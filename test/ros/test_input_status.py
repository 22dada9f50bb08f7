"""What /diagnostics says of the inputs: other transports, QoS that does not fit, stamps that never match."""

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image

from autoseg3d_ros.diagnostics import input_reports, input_status, other_transport


@pytest.mark.parametrize(
    ("role", "listened", "published", "kind", "advice"),
    [
        ("color", "/eye", "/eye/compressed", CompressedImage, "set input.color_transport to compressed"),
        (
            "depth",
            "/eye",
            "/eye/compressedDepth",
            CompressedImage,
            "depth_transport to compressedDepth",
        ),
        ("color", "/eye/compressed", "/eye", Image, "/eye is published: set input.color_transport to raw"),
    ],
)
def test_another_transport_of_the_same_image_is_suggested(
    node, spin_until, role, listened, published, kind, advice
):
    assert other_transport(node, role, listened) == ""
    node.create_publisher(kind, published, 1)
    assert spin_until([node], lambda: advice in other_transport(node, role, listened))


def test_qos_that_does_not_fit_is_told_with_the_overrides_in_force(ros, spin_until, make_bench, node):
    from rclpy.parameter import Parameter

    override = "qos_overrides./rgb/image.subscription.reliability"
    robot = ros.create_node("overridden", parameter_overrides=[Parameter(override, value="reliable")])
    node.create_publisher(Image, "/rgb/image", QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT))
    from autoseg3d_ros.frame_source import FrameSource

    bench = make_bench()
    source = FrameSource(robot, bench.source.config, bench.poses, bench.sink)
    assert spin_until([robot, node], lambda: input_reports(robot, source)[0].publishers)
    report = input_reports(robot, source)[0]
    assert "published as BEST_EFFORT" in report.publishers[0].qos_problem
    assert "subscribed as RELIABLE" in report.publishers[0].qos_problem
    status = input_status([report], {}, 0.02)
    assert status.level == DiagnosticStatus.ERROR
    assert "qos_overrides" in status.message
    source.close()
    robot.destroy_node()


def test_stamps_that_never_match_are_an_error(node, make_bench, camera_set):
    bench = make_bench()
    for second in range(1, 4):
        color, _, _ = camera_set(stamp_ns=second * 10**9)
        _, depth, _ = camera_set(stamp_ns=second * 10**9 + 400_000_000)
        bench.source.gates[0].accept(color)
        bench.source.gates[1].accept(depth)
    status = input_status(input_reports(node, bench.source), {}, 0.02)
    assert status.level == DiagnosticStatus.ERROR
    assert "color and depth never match: their stamps differ by at least 400.0 ms" in status.message
