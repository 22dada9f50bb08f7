"""Scenes scored from the command line: side by side, again, and where something is wrong."""

import errno
import json
import os
import re
import shutil
import struct
from multiprocessing import get_context

import cv2
import numpy as np
import pytest
from recordings import raw
from recordings.board import CAMERA, LEVEL, Board
from written import write_posed_images

from autoseg3d_core.cli import evaluation_rows, scene_jobs, scene_run
from autoseg3d_core.cli.__main__ import main
from autoseg3d_core.datasets import scannet200
from autoseg3d_core.evaluation.scene_scores import pooled
from autoseg3d_core.evaluation.score_file import in_percent

QUICK = (
    *("--row", "overlap", "model.name=overlap", "device=cpu", "lifting.points=2000"),
    "tracks.maturity.views_apart=0",
)


@pytest.fixture(autouse=True)
def quick_pictures(monkeypatch):
    monkeypatch.setattr(scene_run, "scene_view", lambda *_: np.full((80, 120, 3), 200, np.uint8))


@pytest.fixture
def homes(tmp_path):
    """Two folders of images with instances of one's own, and nothing else of the truth."""
    for name in ("kitchen", "hall"):
        write_posed_images(Board(5), tmp_path / "homes" / name)
        for extra in ("part", "pose"):
            shutil.rmtree(tmp_path / "homes" / name / "truth" / extra)
    return tmp_path / "homes"


def scores_in(folder):
    return json.loads((folder / "scores.json").read_text())


def test_images_with_instances_of_ones_own_are_evaluated_and_damage_is_named(homes, tmp_path, capsys):
    (homes / "hall" / "color" / "1.jpg").write_bytes(b"no image")
    (homes / "hall" / "truth" / "instance" / "3.png").write_bytes(b"no image")
    words = ["evaluate", str(homes), "--masks", "truth-objects", *QUICK]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    assert "2 scenes, truth-objects masks" in said.out
    assert "frame 1 left out" in said.err
    assert "frame 3 left out" in said.err  # its masks are the truth
    [row] = scores_in(tmp_path / "out")["rows"]
    assert (row["scores"]["objects"], row["scores"]["tracks"], row["scores"]["ghosts"]) == (2, 2, 0)
    assert row["scores"]["ap50"] == row["scores"]["idf1"] == 100.0
    assert row["scores"]["still_right"] is None
    assert row["scenes"]["hall"]["skipped"] == {"unusable": 2}
    assert row["scenes"]["kitchen"]["frames"] == 5
    assert (tmp_path / "out" / "overlap" / "hall" / "map.png").exists()
    assert (tmp_path / "out" / "overlap" / "hall" / "objects" / "7.jpg").exists()


def test_a_scene_without_truth_is_left_out_of_an_evaluation_and_named(homes, capsys):
    shutil.rmtree(homes / "hall" / "truth")
    assert main(["evaluate", str(homes), *QUICK, "masks.name=geometric"]) == 0
    said = capsys.readouterr()
    assert "left out: hall" in said.out
    assert "truth/instance/NUMBER.png" in said.err
    assert main(["evaluate", str(homes / "hall"), *QUICK, "masks.name=geometric"]) == 2
    assert "none of the 1 scenes could be scored" in capsys.readouterr().err


def test_infinite_poses_leave_out_their_frames_and_scenes_and_are_named(homes, capsys):
    nowhere = "\n".join(["inf inf inf inf"] * 4)
    (homes / "kitchen" / "pose" / "0.txt").write_text(nowhere)
    for file in (homes / "hall" / "pose").iterdir():
        file.write_text(nowhere)
    assert main(["evaluate", str(homes), "--masks", "truth-objects", *QUICK]) == 0
    said = capsys.readouterr()
    assert "left out: hall" in said.out
    assert "hall/pose/0.txt: the pose has NaN or infinite values" in said.err
    assert "frame 0 left out" in said.err  # of the kitchen, whose other frames are scored


def test_results_are_used_again_until_something_changes(homes, tmp_path, capsys, monkeypatch):
    words = ["evaluate", str(homes), "--masks", "truth-objects", "--out", str(tmp_path / "out"), *QUICK]

    def results_used(*more):
        assert main([*words, *more]) == 0
        said = capsys.readouterr().out
        return int(said.split(" results of before")[0].split()[-1]) if "results of before" in said else 0

    assert results_used() == 0
    first = scores_in(tmp_path / "out")["rows"]
    assert results_used() == 2
    assert scores_in(tmp_path / "out")["rows"] == first
    (tmp_path / "out" / "overlap" / "hall.json").write_text("cut of")
    assert results_used() == 1
    assert results_used("map.voxel_size_m=0.05") == 0
    (homes / "hall" / "truth" / "instance" / "9.png").touch()
    assert results_used("map.voxel_size_m=0.05") == 1
    monkeypatch.setattr(scene_run, "_digest_of_files", lambda *_: "other code")
    assert results_used("map.voxel_size_m=0.05") == 0


def test_an_interrupted_evaluation_goes_on_where_it_stopped(homes, tmp_path, capsys, monkeypatch):
    words = ["evaluate", str(homes), "--masks", "truth-objects", "--out", str(tmp_path / "out"), *QUICK]
    real, runs = scene_run._run, []

    def second_is_stopped(task):
        runs.append(task.scene)
        if len(runs) == 2:
            raise KeyboardInterrupt
        return real(task)

    monkeypatch.setattr(scene_run, "_run", second_is_stopped)
    assert main(words) == 130
    assert main(words) == 0
    assert runs == ["hall", "kitchen", "kitchen"]
    assert "1 results of before" in capsys.readouterr().out


def test_scenes_side_by_side_score_as_one_after_the_other(homes):
    tasks = [
        scene_run.SceneTask("a", tuple(QUICK[2:]), name, str(homes / name), masks="truth-objects", threads=1)
        for name in ("hall", "kitchen")
    ]
    runs = []
    for jobs in (1, 2):
        found = sorted(scene_jobs.outcomes(tasks, jobs), key=lambda outcome: outcome.scene)
        runs.append([(o.scene, in_percent(pooled([o.run.result]))) for o in found])
    assert repr(runs[0]) == repr(runs[1])
    assert [name for name, _ in runs[0]] == ["hall", "kitchen"]


def die(task):
    """Stand for a process that the system kills."""
    if task.scene == "hall":
        os._exit(9)
    return scene_run.Outcome(task.row, task.scene, None, "lives")


def test_a_process_that_dies_costs_its_own_scene_only(monkeypatch):
    monkeypatch.setattr(scene_jobs, "outcome_of", die)
    monkeypatch.setattr(scene_jobs, "PROCESSES", get_context("fork"))
    tasks = [scene_run.SceneTask("a", (), scene, scene) for scene in ("hall", "kitchen", "attic")]
    found = {outcome.scene: outcome.error for outcome in scene_jobs.outcomes(tasks, 2)}
    assert found == {"hall": scene_jobs.DIED, "kitchen": "lives", "attic": "lives"}


def test_processes_of_torchrun_share_the_scenes(monkeypatch):
    tasks = list(range(7))
    parts = []
    for rank in range(3):
        monkeypatch.setenv("RANK", str(rank))
        monkeypatch.setenv("WORLD_SIZE", "3")
        parts += scene_jobs.share_of(tasks)
    assert sorted(parts) == tasks


def test_a_full_disk_is_told_in_one_line_and_the_scores_are_still_shown(homes, tmp_path, capsys, monkeypatch):
    def full(path):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(scene_run, "replacing", full)
    monkeypatch.setattr(evaluation_rows, "replacing", full)
    words = ["evaluate", str(homes), "--masks", "truth-objects", "--out", str(tmp_path / "out"), *QUICK]
    assert main(words) == 2
    said = capsys.readouterr()
    assert "AP50" in said.out
    assert said.err.count("scores.json cannot be written: No space left on device") == 1


def test_a_report_is_one_page_that_needs_no_other_file(homes, tmp_path, capsys):
    (homes / "attic").mkdir()
    (homes / "attic" / "color").mkdir()
    rows = [*QUICK, "--row", "<b>&'", "model.name=overlap", "device=cpu"]
    words = ["evaluate", str(homes), "--masks", "truth-objects", *rows]
    page = tmp_path / "pages" / "report.html"
    assert main([*words, "--report", str(page)]) == 0
    assert f"written: {page}" in capsys.readouterr().out
    text = page.read_text()
    links = [part for part in re.findall(r'(?:src|href)="([^"]{1,40})', text) if not part.startswith("#")]
    assert {link.split(";")[0] for link in links} == {"data:image/jpeg"}
    assert not re.search(r"@import|url\((?!#)", text)
    assert "<b>" not in text
    assert "&lt;b&gt;&amp;&#x27;" in text
    for word in ("kitchen", "hall", "attic", "object 7 in hall", "Precision and recall", "every frame"):
        assert word in text
    assert text.count("<svg") == 7
    assert text.count("data:image/jpeg") == 10  # maps and truth of two scenes, an object of each run


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give scenes, or --dataset"),
        (["--root", "x"], "give scenes, or --dataset"),
        (["--dataset", "scannet", "--root", "x"], "needs --root and --split"),
        (["a", "--dataset", "scannet", "--root", "x", "--split", "val"], "no other source"),
        (["--dataset", "scannet", "--root", "no such", "--split", "val"], "no such folder"),
        (["a", "--row", "x", "map.no_such=1"], "no_such"),
    ],
)
def test_what_cannot_be_evaluated_is_said_before_anything_runs(words, said, capsys):
    assert main(["evaluate", *words]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--classes", "--ignore"])
def test_a_class_that_a_data_set_does_not_have_is_told_before_anything_runs(tmp_path, option, capsys):
    raw.put(tmp_path / "val.txt", "scene0000_00\n")
    (tmp_path / "scene0000_00").mkdir()
    raw.put(tmp_path / "scannetv2-labels.combined.tsv", "id\traw_category\tnyu40class\n5\tchair\tchair\n")
    words = ["--dataset", "scannet", "--root", str(tmp_path), "--split", "val", option, "chair", "chiar"]
    assert main(["evaluate", *words]) == 2
    said = capsys.readouterr().err
    assert "chiar: no class of scannet; it has cabinet, bed, chair" in said
    assert len(said.splitlines()) == 1


def write_ply(file, xyz):
    """A mesh as ScanNet's: binary, with colours and without faces worth having."""
    names = "".join(f"property float {axis}\n" for axis in "xyz")
    names += "".join(f"property uchar {name}\n" for name in ("red", "green", "blue", "alpha"))
    head = f"ply\nformat binary_little_endian 1.0\nelement vertex {len(xyz)}\n{names}"
    head += "element face 1\nproperty list uchar int vertex_indices\nend_header\n"
    body = b"".join(struct.pack("<3f4B", *point, 200, 100, 50, 255) for point in xyz.tolist())
    file.write_bytes(head.encode() + body + struct.pack("<B3i", 3, 0, 1, 2))


CHAIR, BOARD, WALL = 4, 11, 30
"""Segments of the mesh: the annotated part of the board, its rest, the wall."""


def write_scannet(root, name, behind="wall"):
    """The board as a scan of ScanNet, turned by its alignment; its left 23 of 40 columns are a chair."""
    scene = root / "scans" / name
    raw.write_scannet_export(scene, Board(6))
    rows, columns = np.mgrid[:60, :80]
    depth = Board(1)[0].depth
    rays = np.stack(
        [(columns - CAMERA.cx) / CAMERA.fx, (rows - CAMERA.cy) / CAMERA.fy, np.ones((60, 80))], axis=-1
    )
    xyz = (rays * depth[..., None]) @ LEVEL[:3, :3].T
    segment = np.where(depth < 2, np.where(columns < 43, CHAIR, BOARD), WALL)
    write_ply(scene / f"{name}_vh_clean_2.ply", xyz.reshape(-1, 3))
    segments = {"sceneId": name, "segIndices": segment.ravel().tolist()}
    raw.put(scene / f"{name}_vh_clean_2.0.010000.segs.json", json.dumps(segments))
    groups = [
        {"id": 0, "objectId": 0, "segments": [CHAIR], "label": "office chair"},
        {"id": 1, "objectId": 1, "segments": [WALL], "label": behind},
    ]
    raw.put(scene / f"{name}.aggregation.json", json.dumps({"sceneId": name, "segGroups": groups}))
    turn = np.array([[0, -1, 0, 2.0], [1, 0, 0, -1.0], [0, 0, 1, 0.5], [0, 0, 0, 1]])
    raw.put(scene / f"{name}.txt", f"axisAlignment = {raw.row(turn)}\nsceneType = Office\n")
    mask = np.zeros((60, 80), np.uint8)
    mask[15:45, 20:50] = 1  # 30 columns: 7 of the 17 that are no chair
    for index in range(6):
        raw.png(scene / "masks" / "mine" / f"{index}.png", mask)


def test_a_scan_of_scannet_scores_as_its_mesh_and_segments_say(tmp_path, capsys):
    """900 vertices predicted, 690 true: an IoU of 0.77 without segments; these vote the 210 away."""
    root = tmp_path / "scannet"
    for name in ("scene0000_00", "scene0000_01"):
        write_scannet(root, name)
    table = "id\traw_category\tcategory\tnyu40class\n5\toffice chair\tchair\tchair\n1\twall\twall\twall\n"
    raw.put(root / "scannetv2-labels.combined.tsv", table)
    raw.put(root / "scannetv2_val.txt", "scene0000_00\nscene0000_01\nscene0003_00\n")
    words = ["evaluate", "--dataset", "scannet", "--root", str(root), "--split", "val", "--masks", "mine"]
    assert main([*words, *QUICK, "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    assert "3 scenes, mine masks, every frame; left out: scene0003_00" in said.out
    [row] = scores_in(tmp_path / "out")["rows"]
    assert "no such bag or folder" in row["left_out"]["scene0003_00"]
    found = row["scores"]["protocols"]
    assert found["published"] == {"ap": 100, "ap50": 100, "ap25": 100, "ap_to_95": 100}
    assert found["without_segments"] == {
        "ap": pytest.approx(100 * 6 / 9, abs=1e-3),
        "ap50": 100,
        "ap25": 100,
        "ap_to_95": 60,
    }
    assert found["without_mapping"] == found["without_segments"]
    assert (row["scores"]["objects"], row["scores"]["missed"], row["scores"]["idf1"]) == (2, 0, 100)
    assert main([*words, *QUICK, "--min-points", "691"]) == 0
    assert "nan" in capsys.readouterr().out  # nothing is left to find
    (root / "scannetv2-labels.combined.tsv").unlink()
    assert main([*words, *QUICK]) == 2
    assert "--label-map FILE" in capsys.readouterr().err
    assert cv2.imread(str(tmp_path / "out" / "overlap" / "scene0000_00" / "truth.png")) is not None


@pytest.mark.parametrize(("dataset", "objects"), [("scannet", 1), ("scannet200", 2)])
def test_a_ceiling_is_an_object_where_the_benchmark_says_so(tmp_path, dataset, objects):
    write_scannet(tmp_path / "scannet", "scene0000_00", behind="ceiling")
    rows = [f"{i}\t{name}\t{name}\t{name}" for i, name in scannet200.CLASSES.items()]
    table = "id\traw_category\tcategory\tnyu40class\n" + "\n".join(rows)
    table = table.replace("10\toffice chair\toffice chair\toffice chair", "10\toffice chair\tx\tchair")
    raw.put(tmp_path / "scannet" / "scannetv2-labels.combined.tsv", table)
    raw.put(tmp_path / "scannet" / "val.txt", "scene0000_00\n")
    words = ["--dataset", dataset, "--root", str(tmp_path / "scannet"), "--split", "val", "--masks", "mine"]
    assert main(["evaluate", *words, *QUICK, "--out", str(tmp_path / "out")]) == 0
    [row] = scores_in(tmp_path / "out")["rows"]
    assert row["scores"]["objects"] == objects
    assert list(row["class_groups"]) == (["head", "common", "tail"] if dataset == "scannet200" else [])
