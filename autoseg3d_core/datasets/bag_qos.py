"""The quality of service that a recorded topic was offered with, which `ros2 bag play` offers again."""

from __future__ import annotations

from typing import Final

from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime

BAG_VERSION: Final = 8
"""Layout of the bags we write: the newest whose profiles rosbag2 of Humble reads; later ones read it too."""

LATCHED = frozenset({"/tf_static"})
"""Topics that whoever listens later still has to hear."""
DEPTH = 100
_FOREVER = QosTime(0x7FFFFFFF, 0xFFFFFFFF)


def offered_qos(latched: bool) -> Qos:
    """Return a reliable profile; one that is latched keeps its messages for late subscribers."""
    return Qos(
        history=QosHistory.KEEP_LAST,
        depth=DEPTH,
        reliability=QosReliability.RELIABLE,
        durability=QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        deadline=_FOREVER,
        lifespan=_FOREVER,
        liveliness=QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=_FOREVER,
        avoid_ros_namespace_conventions=False,
    )


def is_latched(profiles: list[Qos]) -> bool:
    """Tell whether any publisher of a recorded topic kept its messages for late subscribers."""
    return any(profile.durability == QosDurability.TRANSIENT_LOCAL for profile in profiles)
