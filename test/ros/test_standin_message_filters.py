"""What the node relies on in message_filters: true of the original and of its stand-in."""

from types import SimpleNamespace

import message_filters
import pytest
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from sensor_msgs.msg import Image

from autoseg3d_ros.messages import stamp_from_ns


def message(stamp_ns, name=""):
    return SimpleNamespace(header=SimpleNamespace(stamp=stamp_from_ns(stamp_ns)), name=name)


def bench(kind, *args, inputs=2, **kwargs):
    """Return the inputs, a synchroniser of them, and the stamps of its matches."""
    sources = [message_filters.SimpleFilter() for _ in range(inputs)]
    synchronizer = kind(sources, *args, **kwargs)
    matches = []
    synchronizer.registerCallback(
        lambda *match: matches.append(tuple(one.header.stamp.nanosec for one in match))
    )
    return sources, synchronizer, matches


def approximate(queue_size=10, slop=100e-9, **kwargs):
    return bench(message_filters.ApproximateTimeSynchronizer, queue_size, slop, **kwargs)


def feed(sources, *arrivals):
    for index, stamp_ns in arrivals:
        sources[index].signalMessage(message(stamp_ns))


def test_callbacks_run_in_order_with_their_arguments_until_unregistered():
    source, heard = message_filters.SimpleFilter(), []
    source.registerCallback(lambda *got: heard.append(got), 1)
    second = source.registerCallback(lambda *got: heard.append(got), 2, 3)
    source.signalMessage("a", "b")
    source.unregisterCallback(second)
    source.signalMessage("c")
    assert heard == [("a", "b", 1), ("a", "b", 2, 3), ("c", 1)]


def test_a_subscriber_hands_on_messages_and_shows_its_subscription(node, spin_until):
    group, heard = MutuallyExclusiveCallbackGroup(), []
    subscriber = message_filters.Subscriber(node, Image, "image", qos_profile=5, callback_group=group)
    subscriber.registerCallback(heard.append)
    publisher = node.create_publisher(Image, "image", 5)
    assert spin_until([node], lambda: publisher.get_subscription_count() > 0)
    publisher.publish(Image(width=7))
    assert spin_until([node], lambda: heard)
    assert heard[0].width == 7
    assert (subscriber.node, subscriber.topic, subscriber.getTopic()) == (node, "image", "image")
    assert subscriber.sub.callback_group is group
    assert subscriber.topic_name == "/image"


def test_equal_stamps_match_and_older_ones_leave():
    sources, synchronizer, matches = bench(message_filters.TimeSynchronizer, 10)
    feed(sources, (0, 1), (0, 2), (1, 2))
    assert matches == [(2, 2)]
    assert not any(synchronizer.queues)


def test_after_a_match_a_late_older_message_stays():
    sources, synchronizer, matches = bench(message_filters.TimeSynchronizer, 10)
    feed(sources, (0, 20), (1, 20), (0, 10), (0, 30), (1, 30))
    feed(sources, (0, 10))
    assert matches == [(20, 20), (30, 30)]
    assert list(synchronizer.queues[0]) == [10]


@pytest.mark.parametrize(
    "kind", [message_filters.TimeSynchronizer, message_filters.ApproximateTimeSynchronizer]
)
def test_a_full_queue_loses_its_smallest_stamp_not_its_oldest_arrival(kind):
    sources, synchronizer, _ = bench(
        kind, 2, *([1e-9] if kind is message_filters.ApproximateTimeSynchronizer else [])
    )
    feed(sources, (0, 300), (0, 200), (0, 100), (0, 250))
    assert sorted(synchronizer.queues[0]) == [250, 300]


@pytest.mark.parametrize(("gap", "count"), [(0, 1), (99, 1), (100, 0), (101, 0)])
def test_stamps_match_when_closer_than_the_slop_strictly(gap, count):
    sources, _, matches = approximate()
    feed(sources, (0, 1000), (1, 1000 + gap))
    assert len(matches) == count


def test_without_slop_not_even_equal_stamps_match():
    sources, _, matches = approximate(slop=0)
    feed(sources, (0, 5), (1, 5))
    assert matches == []


def test_the_nearest_stamp_is_taken_once_per_arrival():
    sources, synchronizer, matches = approximate()
    feed(sources, (0, 950), (0, 1040), (0, 990), (1, 1000))
    assert matches == [(990, 1000)]
    assert sorted(synchronizer.queues[0]) == [950, 1040]


def test_three_inputs_have_to_lie_within_the_slop_of_each_other():
    sources, _, matches = approximate(inputs=3)
    feed(sources, (0, 1000), (2, 1120), (1, 1060))
    assert matches == []
    feed(sources, (2, 1090))
    assert matches == [(1000, 1060, 1090)]


def test_matches_come_out_of_order_because_older_messages_stay():
    sources, _, matches = approximate()
    feed(sources, (0, 10), (0, 1000), (1, 1000), (1, 10))
    assert matches == [(1000, 1000), (10, 10)]


def test_the_same_stamp_on_one_input_overwrites():
    sources, synchronizer, _ = approximate()
    sources[0].signalMessage(message(5, "first"))
    sources[0].signalMessage(message(5, "second"))
    assert [one.name for one in synchronizer.queues[0].values()] == ["second"]


def test_a_message_without_header_is_dropped():
    sources, synchronizer, _ = approximate()
    sources[0].signalMessage(SimpleNamespace())
    assert not synchronizer.queues[0]


def test_messages_without_header_match_by_arrival_where_allowed():
    sources = [message_filters.SimpleFilter(), message_filters.SimpleFilter()]
    synchronizer = message_filters.ApproximateTimeSynchronizer(sources, 10, 60, allow_headerless=True)
    matches = []
    synchronizer.registerCallback(lambda *match: matches.append(match))
    for source in sources:
        source.signalMessage(SimpleNamespace())
    assert len(matches) == 1


def test_a_callback_that_raises_leaves_the_lock_held():
    sources, synchronizer, _ = approximate()

    def fail(*_):
        raise RuntimeError("in the callback")

    synchronizer.registerCallback(fail)
    feed(sources, (0, 5))
    with pytest.raises(RuntimeError, match="in the callback"):
        feed(sources, (1, 5))
    assert synchronizer.lock.locked()
