"""Cameras of each kind measure what their formulas say: known answers on walls, boxes and corners."""

import numpy as np
import pytest

from autoseg3d_core.simulation import sensor_noise, streams
from autoseg3d_core.simulation.depth_sensors import (
    Sight,
    Simple,
    Stereo,
    StructuredLight,
    TimeOfFlight,
    draw_sensor,
    shadowed,
)
from autoseg3d_core.simulation.rendered import Rendered
from autoseg3d_core.structures import CameraIntrinsics

CAMERA = CameraIntrinsics(140.0, 140.0, 79.5, 59.5, 160, 120)
SHAPE = (120, 160)
BOX = (slice(40, 80), slice(70, 110))
STILL_LIGHT = {"noise_px": 0.0, "ragged_px": 0.0, "least_signal": 0.0}


def stream(name):
    return np.random.default_rng((7, name))


def wall(depth):
    return np.full(SHAPE, depth, np.float32)


def box_before_wall(near=1.0, far=3.0):
    depth = wall(far)
    depth[BOX] = near
    return depth


def grey(value=200):
    return np.full((*SHAPE, 3), value, np.uint8)


def speckled():
    return np.random.default_rng(0).integers(90, 250, (*SHAPE, 3)).astype(np.uint8)


def sight(depth, rgb=None, glass=None, range_m=(0.3, 8.0)):
    view = Rendered(grey() if rgb is None else rgb, depth, np.zeros(SHAPE, np.int32))
    return Sight(view, np.zeros(SHAPE, bool) if glass is None else glass, CAMERA, range_m)


def test_structured_light_measures_disparity_in_whole_steps():
    sensor = StructuredLight(baseline_m=0.08, step_px=0.5, **STILL_LIGHT)
    depth = np.tile(np.linspace(0.8, 4.0, 160, dtype=np.float32), (120, 1))
    measured = sensor.measured(sight(depth), stream)
    known = measured > 0
    assert known.mean() > 0.95
    steps = 140.0 * 0.08 / measured[known] / (0.5 * 160 / 640)
    assert np.abs(steps - np.round(steps)).max() < 1e-3
    wrong = 140.0 * 0.08 * np.abs(1 / measured[known] - 1 / depth[known])
    assert wrong.max() < 0.5 * 160 / 640 / 2 + 1e-4
    assert len(np.unique(measured[60])) < 110


def test_structured_light_casts_a_shadow_left_of_a_box_as_wide_as_the_parallax():
    sensor = StructuredLight(baseline_m=0.1, **STILL_LIGHT)
    measured = sensor.measured(sight(box_before_wall()), stream)
    row = measured[60]
    shadow = np.flatnonzero(row == 0)
    assert shadow.max() == 69  # it ends where the box begins
    assert len(shadow) == pytest.approx(140 * 0.1 * (1 / 1.0 - 1 / 3.0), abs=1)
    assert (row[70:110] > 0).all()
    assert (row[110:] > 0).all()
    assert (measured[20] > 0).all()


def test_a_thin_bar_far_before_a_wall_hides_a_strip_as_thin_as_itself():
    depth = wall(4.0)
    depth[:, 100:103] = 1.0
    disparity = (140 * 0.2 / depth).astype(np.float32)
    hidden = np.flatnonzero(shadowed(disparity)[60])
    assert 2 <= len(hidden) <= 4
    assert hidden.mean() == pytest.approx(101 - 140 * 0.2 * (1 / 1.0 - 1 / 4.0), abs=1)


def test_light_from_dark_far_and_steep_surfaces_does_not_return():
    share = {}
    for name, depth, value in (("near", 1.0, 200), ("far and dark", 5.0, 15), ("dark", 1.0, 0)):
        for sensor in (StructuredLight(), TimeOfFlight()):
            measured = sensor.measured(sight(wall(depth), grey(value)), stream)
            share[name, type(sensor)] = (measured == 0).mean()
    assert all(value < 0.05 for (name, _), value in share.items() if name == "near")
    assert all(value > 0.95 for (name, _), value in share.items() if name != "near")


@pytest.mark.parametrize("sensor", [StructuredLight(), Stereo(outliers=0.0)])
def test_glass_gives_no_disparity(sensor):
    glass = np.zeros(SHAPE, bool)
    glass[:, 120:] = True
    measured = sensor.measured(sight(wall(1.5), speckled(), glass), stream)
    assert (measured[:, 125:] == 0).all()
    assert (measured[:, 10:115] > 0).mean() > 0.9


def test_stereo_has_holes_on_a_bare_wall_unless_it_projects_a_pattern():
    holes = {}
    for name, rgb in (("bare", grey()), ("speckled", speckled())):
        for least in (0.7, 0.0):
            measured = Stereo(least_texture=least, outliers=0.0).measured(sight(wall(2.0), rgb), stream)
            holes[name, least] = (measured[:, 10:] == 0).mean()
    assert holes["bare", 0.7] > 0.99
    assert holes["speckled", 0.7] < 0.01
    assert holes["bare", 0.0] < 0.01


def test_some_of_what_has_no_texture_is_matched_wrongly():
    measured = Stereo(outliers=0.2).measured(sight(wall(2.0), grey()), stream)
    assert 0.05 < (measured > 0).mean() < 0.4
    assert np.abs(measured[measured > 0] - 2.0).min() > 0.02


def between(measured, near, far):
    """Return the share of pixels whose depth lies clearly between two surfaces."""
    known = measured[measured > 0]
    return ((known > near * 1.1) & (known < far * 0.9)).mean()


def test_stereo_and_time_of_flight_mix_depth_at_edges_and_structured_light_does_not():
    seen = sight(box_before_wall(), speckled())
    assert between(Stereo(noise_px=0.0).measured(seen, stream), 1, 3) > 0.01
    assert between(TimeOfFlight(mixed_px=4.0).measured(seen, stream), 1, 3) > 0.005
    assert between(StructuredLight(noise_px=0.0).measured(seen, stream), 1, 3) == 0


def test_noise_of_time_of_flight_grows_with_distance_and_darkness():
    sensor = TimeOfFlight(noise_m=0.003, mixed_px=0.0, rounding=0.0, least_signal=0.0)
    inner = (slice(50, 70), slice(70, 90))

    def spread(depth, value):
        return (sensor.measured(sight(wall(depth), grey(value)), stream) - depth)[inner].std()

    assert spread(2.0, 200) == pytest.approx(2 * spread(1.0, 200), rel=0.05)
    assert spread(1.0, 50) == pytest.approx(2 * spread(1.0, 200), rel=0.05)


def test_time_of_flight_rounds_inner_corners_and_leaves_walls_as_they_are():
    u = np.abs(np.arange(160) - 79.5) / 140
    depth = np.tile((3.0 / (1 + u)).astype(np.float32), (120, 1))  # two walls that meet at 3 m
    sensor = TimeOfFlight(noise_m=0.0, mixed_px=0.0, rounding=0.6, least_signal=0.0)
    measured = sensor.measured(sight(depth), stream)
    assert (depth - measured)[60, 79] > 0.02
    assert np.abs(depth - measured)[60, 120:150].max() < 0.01
    assert np.abs(sensor.measured(sight(wall(2.0)), stream) - 2.0).max() < 1e-3


def test_what_is_out_of_range_is_missing():
    for sensor in (StructuredLight(), Stereo(), TimeOfFlight()):
        for depth in (0.4, 5.0):
            seen = sight(wall(depth), speckled(), range_m=(0.6, 4.0))
            assert (sensor.measured(seen, stream)[5:-5, 5:-5] == 0).all(), (sensor, depth)


def test_the_simple_sensor_adds_holes_then_noise_each_from_its_own_numbers():
    depth, rgb = box_before_wall(), speckled()
    expected = sensor_noise.with_edge_holes(depth, stream(streams.EDGE_HOLES))
    gone = sensor_noise.missing_pixels(
        depth, rgb, np.zeros(SHAPE, bool), CAMERA, (0.3, 6.0), stream(streams.MISSING)
    )
    expected = np.where(gone, np.float32(0), expected)
    expected = sensor_noise.noisy_depth(expected, 0.002, 0.001, stream(streams.DEPTH_NOISE))
    assert (Simple().measured(sight(depth, rgb, range_m=(0.3, 6.0)), stream) == expected).all()
    bare = Simple(noise_m=None, has_edge_holes=False, has_missing=False)
    assert (bare.measured(sight(depth), stream) == depth).all()


def test_any_sensor_is_drawn_again_from_the_same_seed_and_all_kinds_come():
    drawn = [draw_sensor(np.random.default_rng(seed)) for seed in range(30)]
    assert drawn == [draw_sensor(np.random.default_rng(seed)) for seed in range(30)]
    assert {type(sensor) for sensor in drawn} == {Simple, StructuredLight, Stereo, TimeOfFlight}
    assert len(set(drawn)) == 30
    seen = sight(box_before_wall(), speckled())
    for sensor in drawn[:8]:
        measured = sensor.measured(seen, stream)
        assert measured.dtype == np.float32
        assert (measured > 0).mean() > 0.5
        assert np.median(np.abs(measured - seen.view.depth)[measured > 0]) < 0.1
