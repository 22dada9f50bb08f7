"""The ROS part keeps within its budgets, with room for a busy machine."""

import statistics

from autoseg3d_ros.benchmark import BUDGETS_MS, ros_stage_times

ROOM = 4.0


def test_each_step_is_within_its_budget():
    times = ros_stage_times(rounds=10)
    assert times.keys() == BUDGETS_MS.keys()
    for name, milliseconds in times.items():
        print(f"{name}: {statistics.median(milliseconds):.2f} ms of {BUDGETS_MS[name]} ms")
    over = {n: m for n, m in times.items() if statistics.median(m) > ROOM * BUDGETS_MS[n]}
    assert not over
