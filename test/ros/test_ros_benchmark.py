"""The benchmark of the ROS part times every step of its table, and says when one is over its budget."""

import pytest

from autoseg3d_ros import benchmark
from autoseg3d_ros.benchmark import BUDGETS_MS, ros_stage_times


def test_each_step_is_run_and_timed_as_often_as_asked_for():
    times = ros_stage_times(rounds=3)
    assert times.keys() == BUDGETS_MS.keys()
    for name, milliseconds in times.items():
        assert len(milliseconds) == 3, name
        assert min(milliseconds) > 0, name


@pytest.mark.parametrize(("factor", "status"), [(0.9, 0), (1.1, 1)])
def test_one_median_over_its_budget_is_a_failure_and_one_slow_round_is_not(
    monkeypatch, capsys, factor, status
):
    measured = {name: [budget / 2, budget / 2, 9 * budget] for name, budget in BUDGETS_MS.items()}
    measured["decode"] = [factor * BUDGETS_MS["decode"]] * 3
    monkeypatch.setattr(benchmark, "ros_stage_times", lambda: measured)
    assert benchmark.main() == status
    shown = capsys.readouterr().out
    assert all(name in shown for name in BUDGETS_MS)
