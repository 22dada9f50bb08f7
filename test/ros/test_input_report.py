"""The explanation of silence names the topic, the cause and the cure."""

import pytest

from autoseg3d_ros.input_report import (
    InputReport,
    PublisherReport,
    best_residual_s,
    explain,
    lost_on_the_way,
    problem_of,
)

IMAGE = "sensor_msgs/msg/Image"


GOOD = PublisherReport(IMAGE)


def report(role="color", publishers=(GOOD,), received=0, zero=0, stamps=(), elsewhere=""):
    return InputReport(role, f"/{role}", IMAGE, tuple(publishers), received, zero, tuple(stamps), elsewhere)


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (report(publishers=()), "nobody publishes"),
        (report(publishers=(), elsewhere="set input.color_transport"), "it: set input.color_transport"),
        (report(), "no message has arrived"),
        (report(publishers=[PublisherReport("sensor_msgs/msg/CompressedImage")]), "CompressedImage"),
        (report(publishers=[PublisherReport(IMAGE, "durability")]), "durability"),
        (report(received=3, zero=3), "stamps are zero"),
        (report(received=3, stamps=(1, 2, 3)), ""),
    ],
)
def test_each_cause_has_its_words(seen, words):
    assert words in problem_of(seen)
    assert bool(words) == bool(problem_of(seen))


def test_inputs_that_never_match_are_explained_with_their_residual():
    color = report(received=2, stamps=(1_000_000_000, 2_000_000_000))
    depth = report("depth", received=2, stamps=(1_400_000_000, 2_400_000_000))
    lines = explain([color, depth], slop_s=0.02)
    assert "400.0 ms" in lines[-1]
    assert "sync.slop_s" in lines[-1]


def test_inputs_that_match_have_no_such_line():
    color, depth = report(received=1, stamps=(10**9,)), report("depth", received=1, stamps=(10**9 + 1,))
    assert len(explain([color, depth], slop_s=0.02)) == 2


def test_no_stamps_have_no_residual():
    assert best_residual_s((), (1,)) is None


def test_images_lost_on_the_way_are_noticed():
    reports = [report(received=9), report("depth", received=20), report("camera_info", received=20)]
    [line] = lost_on_the_way(reports)
    assert "9 messages of color have arrived" in line
    assert "fastdds.xml" in line
    assert lost_on_the_way([report(received=18), *reports[1:]]) == []


def test_the_advice_about_fast_dds_is_given_beside_fast_dds_alone():
    reports = [report(received=9), report("depth", received=20)]
    assert any("fastdds.xml" in line for line in explain(reports, 0.02, is_fast_dds=True))
    assert not any("fastdds.xml" in line for line in explain(reports, 0.02, is_fast_dds=False))
