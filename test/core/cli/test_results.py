"""Results of a run replace earlier ones whole, and only if there are any; nothing else is ever removed."""

import json
import os
import resource
import subprocess
import sys

import pytest

from autoseg3d_core.cli import replay
from autoseg3d_core.cli.__main__ import main
from autoseg3d_core.cli.results import UNFINISHED, list_results, results_folder
from autoseg3d_core.errors import InputError
from autoseg3d_core.pipeline import OnlineSegmenter

NAMES = ("summary.json", "frames")
REPLAY = ("replay", "simulation:5000", "--simulation", "frames=3", "width=160", "height=120")
QUICK = ("--set", "model.name=overlap", "masks.name=geometric")
STALLS = """
import sys, time
from autoseg3d_core.cli.results import results_folder
with results_folder(sys.argv[1], ("summary.json", "frames")) as out:
    (out / "summary.json").write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def earlier(tmp_path):
    """Return a folder with results of an earlier run."""
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "0.png").write_text("old")
    (tmp_path / "summary.json").write_text("old")
    return tmp_path


def contents(folder):
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}


OLD = {"frames/0.png": "old", "summary.json": "old"}


def test_results_appear_when_a_run_ends_well(tmp_path):
    with results_folder(tmp_path / "deep" / "out", NAMES) as out:
        (out / "summary.json").write_text("new")
        assert not (tmp_path / "deep" / "out" / "summary.json").exists()
    assert contents(tmp_path / "deep" / "out") == {"summary.json": "new"}


def test_results_replace_all_of_an_earlier_run(earlier):
    with results_folder(earlier, NAMES) as out:
        (out / "summary.json").write_text("new")
        assert contents(earlier)["frames/0.png"] == "old"
    assert contents(earlier) == {"summary.json": "new"}
    assert os.listdir(earlier) == ["summary.json"]


@pytest.mark.parametrize("error", [InputError, KeyboardInterrupt, OSError, ZeroDivisionError])
def test_a_run_that_fails_leaves_earlier_results(earlier, error):
    def fail():
        with results_folder(earlier, NAMES) as out:
            (out / "summary.json").write_text("new")
            raise error

    with pytest.raises(error):
        fail()
    assert contents(earlier) == OLD
    assert sorted(os.listdir(earlier)) == ["frames", "summary.json"]


def test_a_run_that_fails_leaves_no_folder_that_was_not_there(tmp_path):
    with pytest.raises(InputError), results_folder(tmp_path / "out", NAMES):
        raise InputError
    assert os.listdir(tmp_path) == []


def test_a_run_that_is_killed_leaves_earlier_results_and_the_next_run_tidies_up(earlier):
    child = subprocess.Popen([sys.executable, "-c", STALLS, str(earlier)], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "writing\n"
    with pytest.raises(InputError, match="another run is writing there"), results_folder(earlier, NAMES):
        pass
    child.kill()
    child.wait()
    child.stdout.close()
    assert contents(earlier) == {**OLD, f"{UNFINISHED}/summary.json": "half"}
    with results_folder(earlier, NAMES) as out:
        assert list(out.iterdir()) == []
        (out / "frames").mkdir()
    assert contents(earlier) == {}
    assert os.listdir(earlier) == ["frames"]


def test_a_folder_with_anything_else_is_refused_and_kept_as_it_is(tmp_path):
    (tmp_path / "color").mkdir()
    (tmp_path / "thesis.txt").write_text("years of work")
    (tmp_path / "summary.json").write_text("{}")
    told = r"contains color, thesis\.txt.*another folder"
    with pytest.raises(InputError, match=told), results_folder(tmp_path, ("summary.json",)):
        pass
    assert sorted(p.name for p in tmp_path.iterdir()) == ["color", "summary.json", "thesis.txt"]


def test_links_among_earlier_results_are_removed_and_what_they_point_to_is_kept(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "frames").symlink_to(tmp_path / "photos")
    with results_folder(tmp_path / "out", NAMES):
        pass
    assert os.listdir(tmp_path / "out") == []
    assert (tmp_path / "photos" / "a.jpg").exists()


def test_the_folder_one_is_in_may_be_the_one_for_results(earlier, monkeypatch):
    monkeypatch.chdir(earlier)
    with results_folder(".", NAMES) as out:
        (out / "summary.json").write_text("new")
    assert os.listdir(os.getcwd()) == ["summary.json"]


def test_what_was_written_is_listed_with_what_it_is(earlier):
    about = {"summary.json": "counts", "scene.ply": "the map", "frames": "pictures"}
    lines = list_results(earlier, about).splitlines()
    assert lines == [f"written to {earlier}:", "  summary.json  counts", "  frames/       pictures"]


def test_a_file_is_no_folder_for_results(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main([*REPLAY, "--out", str(tmp_path / "file"), *QUICK]) == 2
    assert "cannot be used as a folder" in capsys.readouterr().err


def test_a_replay_lists_what_it_wrote(tmp_path, capsys):
    out = tmp_path / "out"
    assert main([*REPLAY, "--out", str(out), *QUICK]) == 0
    listed = capsys.readouterr().out.split(f"written to {out}:\n")[1].splitlines()
    assert {line.split()[0].rstrip("/") for line in listed} == set(os.listdir(out)) <= set(replay.RESULTS)


def interrupting(monkeypatch, after):
    step = OnlineSegmenter.step

    def some_frames(self, frame):
        if self.frame_index == after:
            raise KeyboardInterrupt
        return step(self, frame)

    monkeypatch.setattr(OnlineSegmenter, "step", some_frames)


def test_a_replay_that_is_interrupted_keeps_what_it_has(earlier, monkeypatch, capsys):
    interrupting(monkeypatch, 2)
    assert main([*REPLAY, "--out", str(earlier), *QUICK]) == 130
    assert "interrupted after 2 of 3 frames" in capsys.readouterr().err
    summary = json.loads((earlier / "summary.json").read_text())
    assert (summary["interrupted"], summary["frames"]) == (True, 2)
    assert summary["model"] == "model overlap on geometric masks, cpu"
    assert set(os.listdir(earlier)) <= set(replay.RESULTS)


def test_a_replay_that_is_interrupted_before_its_first_frame_leaves_earlier_results(earlier, monkeypatch):
    interrupting(monkeypatch, 0)
    assert main([*REPLAY, "--out", str(earlier), *QUICK]) == 130
    assert contents(earlier) == OLD


@pytest.mark.parametrize("words", [["--start", "7"], ["--resume", "no.snapshot"], ["--save", "no/where"]])
def test_a_replay_that_is_refused_leaves_earlier_results(earlier, words, capsys):
    assert main([*REPLAY, "--out", str(earlier), *QUICK, *words]) == 2
    assert words[1] in capsys.readouterr().err
    assert contents(earlier) == OLD


def test_a_disk_that_is_full_leaves_earlier_results_and_is_told_in_a_line(earlier, capsys):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        assert main([*REPLAY, "--out", str(earlier), *QUICK]) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert capsys.readouterr().err.splitlines()[-1].startswith("autoseg3d replay: [Errno 27] File too large")
    assert contents(earlier) == OLD
