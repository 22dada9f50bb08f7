"""The command `bench`: what it tells of a run, and how two commits are compared."""

import json
import subprocess
from types import SimpleNamespace

import pytest

from autoseg3d_core.cli import bench_compare
from autoseg3d_core.cli.__main__ import main
from autoseg3d_core.structures import InputError
from autoseg3d_core.timing import STAGES, StageTimer

PLAIN = ["--set", "model.name=overlap", "masks.name=geometric", "lifting.points=500"]


def figures(ms, operations=None):
    rows = [{"stage": stage, "median_ms": ms * (place + 1)} for place, stage in enumerate(STAGES)]
    if operations is None:
        return {"stages": rows}
    told = [{"stage": stage, "operations": operations, "waits": 2, "copied_bytes": 1} for stage in STAGES]
    return {"stages": rows, "operations": told}


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    file = tmp_path_factory.mktemp("bench") / "figures.json"
    assert (
        main(["bench", "demo/recording", "--frames", "7", "--clock", "cpu", "--json", str(file), *PLAIN]) == 0
    )
    return json.loads(file.read_text())


def test_bench_tells_time_and_operations_of_each_stage(told):
    for table in ("stages", "operations"):
        assert [row["stage"] for row in told[table]] == [*STAGES, "after the masks", "whole frame"]
    by_stage = {row["stage"]: row for row in told["operations"]}
    assert by_stage["mask"]["operations"] == 0  # NumPy and OpenCV alone
    assert by_stage["lift"]["waits"] >= 2  # which pixels have depth, and which voxels there are
    assert by_stage["report"]["copied_bytes"] > 500 * 3 * 4  # the points, at least
    assert by_stage["whole frame"]["operations"] == pytest.approx(
        sum(by_stage[stage]["operations"] for stage in STAGES)
    )


def test_bench_tells_which_clock_it_read(told):
    assert told["clock"] == "cpu"


def test_the_time_of_a_stage_is_that_of_the_clock_it_is_given():
    seconds = iter([1.0, 1.25, 7.0, 7.5])
    timer = StageTimer(lambda: next(seconds))
    for _ in range(2):
        with timer.stage("mask"):
            pass
    assert timer.milliseconds() == {"mask": 750.0}


def test_two_sides_take_turns_at_going_first(monkeypatch):
    runs = []
    monkeypatch.setattr(bench_compare, "commit_tree", lambda commit: _Tree(commit))
    monkeypatch.setattr(
        bench_compare, "_measured", lambda tree, args: runs.append(str(tree)) or figures(1.0, 3)
    )
    here = str(bench_compare.HERE)
    table = bench_compare.compare(SimpleNamespace(compare="abc", rounds=3))
    assert runs == ["abc", here, here, "abc", "abc", here]
    assert table.splitlines()[2].split() == ["mask", "1.0", "1.0", "1.000", "3.0", "3.0", "2.0", "2.0"]


class _Tree:
    def __init__(self, commit):
        self.commit = commit

    def __enter__(self):
        return self.commit

    def __exit__(self, *error):
        return None


def test_a_ratio_is_of_the_medians_and_stages_of_other_names_are_found():
    old = {"stages": [{"stage": "segment", "median_ms": 8.0}, {"stage": "gone", "median_ms": 1.0}]}
    table = bench_compare.ratio_table([old], [figures(2.0), figures(9.0), figures(4.0)])
    rows = {line.split()[0]: line.split()[1:] for line in table.splitlines()[2:]}
    assert rows["mask"][:3] == ["8.0", "4.0", "0.500"]
    assert rows["lift"][:3] == ["-", f"{4.0 * (STAGES.index('lift') + 1)}", "-"]
    assert rows["gone"][:3] == ["1.0", "-", "-"]


def test_a_commit_is_checked_out_and_goes_again():
    git = ["git", "-C", str(bench_compare.HERE), "worktree", "list"]
    if subprocess.run(git, capture_output=True, check=False).returncode != 0:
        pytest.skip("not a git checkout")
    with bench_compare.commit_tree("HEAD") as tree:
        assert (tree / "autoseg3d_core" / "cli" / "bench.py").is_file()
    assert not tree.exists()
    assert str(tree) not in subprocess.run(git, capture_output=True, text=True, check=True).stdout


def test_another_commit_gets_only_the_options_that_were_given():
    plain = SimpleNamespace(
        source="simulation:1", frames=9, threads=1, config=None, simulation=[], set=[], clock="wall"
    )
    assert bench_compare._arguments(plain) == ["simulation:1", "--frames", "9", "--threads", "1"]
    given = SimpleNamespace(**{**vars(plain), "clock": "cpu", "set": ["a.b=1"], "simulation": ["rooms=2"]})
    assert bench_compare._arguments(given)[5:] == [
        *("--simulation", "rooms=2"),
        *("--set", "a.b=1"),
        *("--clock", "cpu"),
    ]


def test_what_cannot_be_compared_is_told_in_one_line(tmp_path, capsys):
    assert main(["bench", "--compare", "no-such-commit"]) == 2
    assert "takes a commit of the checkout" in capsys.readouterr().err
    for text in ("{}", "no json", '{"stages": [{"stage": "mask"}]}'):
        file = tmp_path / "figures.json"
        file.write_text(text)
        assert main(["bench", "--compare", str(file)]) == 2
        error = capsys.readouterr().err
        assert "not written by `autoseg3d bench --json`" in error
        assert "Traceback" not in error


def test_a_side_that_fails_says_why():
    args = SimpleNamespace(source="x", frames=1, threads=1, config=None, simulation=[], set=[], clock="wall")
    failed = SimpleNamespace(returncode=2, stderr="autoseg3d bench: x: no such recording")
    with pytest.raises(InputError, match="no such recording"):
        bench_compare._measured(bench_compare.HERE, args, run=lambda *a, **k: failed)


def test_the_mapping_is_timed_on_a_made_up_scan(capsys):
    assert main(["bench-mapping", "--vertices", "500", "--points", "2000", "--repeats", "2"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("500 vertices in ")
    assert said[0].endswith("2000 points")
    assert len(said) == 5
