import numpy as np
import pytest

from autoseg3d_core.geometry.transform_tree import TransformTree
from autoseg3d_core.geometry.transforms import pose_from_quaternion
from autoseg3d_core.structures import InputError

NO_TURN = np.array([0, 0, 0, 1.0])
QUARTER = np.array([0, 0, np.sqrt(0.5), np.sqrt(0.5)])


@pytest.fixture
def tree():
    tree = TransformTree()
    tree.add("map", "odom", 0, np.array([10.0, 0, 0]), NO_TURN, static=True)
    tree.add("odom", "base", 100, np.array([0.0, 0, 0]), NO_TURN)
    tree.add("odom", "base", 200, np.array([1.0, 0, 0]), QUARTER)
    tree.add("base", "camera", 0, np.array([0.0, 0, 1.0]), NO_TURN, static=True)
    tree.add("elsewhere", "moon", 0, np.zeros(3), NO_TURN, static=True)
    return tree


def test_samples_are_returned_exactly(tree):
    assert np.allclose(tree.lookup("odom", "base", 200), pose_from_quaternion(np.array([1.0, 0, 0]), QUARTER))


def test_between_samples_the_motion_is_even(tree):
    half = tree.lookup("odom", "base", 150)
    eighth = np.pi / 4
    assert np.allclose(half[:3, 3], [0.5, 0, 0])
    assert np.allclose(half[:2, :2], [[np.cos(eighth), -np.sin(eighth)], [np.sin(eighth), np.cos(eighth)]])


def test_chains_multiply_and_both_directions_cancel(tree):
    there, back = tree.lookup("map", "camera", 130), tree.lookup("camera", "map", 130)
    assert np.allclose(there[:3, 3], [10.3, 0, 1])
    assert np.allclose(there @ back, np.eye(4))


def test_a_static_chain_holds_at_any_time(tree):
    assert np.allclose(tree.lookup("base", "camera", 10**18)[:3, 3], [0, 0, 1])
    assert tree.chain("camera")[-1] == "map"


def test_a_frame_seen_from_itself_is_the_identity(tree):
    assert np.array_equal(tree.lookup("base", "base", 5), np.eye(4))


def test_samples_may_come_out_of_order(tree):
    tree.add("odom", "base", 150, np.array([7.0, 0, 0]), NO_TURN)
    assert np.allclose(tree.lookup("odom", "base", 150)[:3, 3], [7, 0, 0])


@pytest.mark.parametrize(
    ("target", "source", "stamp", "message"),
    [
        ("odom", "nope", 150, "'nope' is not in TF .known: base, camera"),
        ("odom", "moon", 150, "not connected"),
        ("odom", "base", 99, "before the first"),
        ("odom", "camera", 10_000_200, "10.0 ms after the last"),
    ],
)
def test_what_cannot_be_answered_says_why(tree, target, source, stamp, message):
    with pytest.raises(InputError, match=message):
        tree.lookup(target, source, stamp)


def test_useless_transforms_are_passed_over(tree):
    before = tree.lookup("odom", "base", 150)
    tree.add("odom", "base", 150, np.array([np.nan, 0, 0]), NO_TURN)
    tree.add("odom", "base", 150, np.zeros(3), np.zeros(4))
    tree.add("base", "base", 150, np.ones(3), NO_TURN)
    assert np.allclose(tree.lookup("odom", "base", 150), before)


def test_a_loop_is_an_error_not_an_endless_one():
    tree = TransformTree()
    tree.add("a", "b", 0, np.zeros(3), NO_TURN, static=True)
    tree.add("b", "a", 0, np.zeros(3), NO_TURN, static=True)
    with pytest.raises(InputError, match="loop"):
        tree.lookup("a", "b", 0)
