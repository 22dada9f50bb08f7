"""Data sets as they lie on a disk, and what is said where something is not there."""

import pytest

from autoseg3d_core.datasets import scannet200
from autoseg3d_core.datasets.benchmarks import (
    LABEL_MAP,
    NYU40,
    SCANNET200,
    benchmark,
    classes_of,
    read_label_map,
    scenes_of_split,
)
from autoseg3d_core.datasets.label_names import SCANNET
from autoseg3d_core.structures import InputError

TABLE = (
    "id\traw_category\tcategory\tnyu40class\n"
    "1\toffice chair\tchair\tchair\n"
    "2\tfridge\tfridge\trefridgerator\n"
)


@pytest.fixture
def root(tmp_path):
    for scene in ("scene0001_00", "scene0002_00"):
        (tmp_path / "scans" / scene).mkdir(parents=True)
    (tmp_path / "scannetv2_val.txt").write_text("scene0001_00\n\n scene0002_00 \nscene0009_00\n")
    (tmp_path / LABEL_MAP).write_text(TABLE)
    return tmp_path


def test_a_split_is_a_list_beside_the_scans(root):
    found = scenes_of_split("scannet", root, "val")
    assert [path.exists() for path in found.values()] == [True, True, False]
    assert found["scene0002_00"] == root / "scans" / "scene0002_00"


def test_a_split_may_be_a_file_anywhere(root, tmp_path):
    (tmp_path / "mine.list").write_text("scene0002_00\nscene0002_00\n")
    assert list(scenes_of_split("scannet200", root, str(tmp_path / "mine.list"))) == ["scene0002_00"]


def test_the_published_split_of_scenenn_is_known(tmp_path):
    for scene in ("015", "322"):
        (tmp_path / scene).mkdir()
    found = scenes_of_split("scenenn", tmp_path, "test")
    assert len(found) == 12
    assert sum(path.exists() for path in found.values()) == 2


def test_annotated_names_become_the_benchmark_s_classes(root):
    classes, class_of = classes_of("scannet", root, None)
    assert classes == SCANNET
    assert class_of == {"office chair": "chair", "fridge": "refrigerator"}
    assert classes_of("folders", root, None) == ((), {})
    assert classes_of("folders", root, root / LABEL_MAP)[1] == class_of


def whole_table():
    rows = [f"{i}\tsome {name}\t{name}\tother" for i, name in scannet200.CLASSES.items()]
    rows += ["1\twall\twall\twall", "3\tfloor\tfloor\tfloor", "37\todd thing\todd thing\tother"]
    return TABLE.splitlines()[0] + "\n" + "\n".join(rows)


def test_scannet200_has_the_classes_of_the_benchmark_by_the_ids_of_the_table(root):
    """198 things in groups of 64, 68 and 66: of the 200, wall and floor are no instances."""
    (root / LABEL_MAP).write_text(whole_table())
    classes, class_of = classes_of("scannet200", root, None)
    assert len(classes) == len(set(classes)) == 198
    assert (classes[0], classes[1], classes[-1]) == ("chair", "table", "mattress")
    assert not {"wall", "floor"} & set(classes)
    assert "ceiling" in classes
    assert class_of["some mini fridge"] == "mini fridge"
    assert class_of["odd thing"] not in classes
    groups = benchmark("scannet200").groups
    assert {name: len(members) for name, members in groups.items()} == {"head": 64, "common": 68, "tail": 66}
    assert sorted(name for members in groups.values() for name in members) == sorted(classes)


def test_what_is_a_ceiling_is_the_benchmark_s_to_say():
    assert benchmark("scannet").ignored == benchmark("folders").ignored == ("ceiling",)
    assert benchmark("3rscan").ignored == ()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda root: scenes_of_split("other", root, "val"), "no such data set; use one of scannet"),
        (lambda root: scenes_of_split("scannet", root / "no", "val"), "no such folder"),
        (lambda root: scenes_of_split("scannet", root, "test"), "not found; looked for .*scannetv2_test.txt"),
        (lambda root: scenes_of_split("scenenn", root, "test"), "none of its 12 scenes lies in"),
        (lambda root: scenes_of_split("folders", root, str(root / "empty.txt")), "names no scene"),
        (lambda root: scenes_of_split("folders", root, str(root / "up.txt")), "write names only"),
        (lambda root: classes_of("scannet", root / "scans", None), "--label-map FILE"),
        (lambda root: read_label_map(root / "scannetv2_val.txt", NYU40), "has no columns raw_category"),
        (
            lambda root: read_label_map(root / LABEL_MAP, SCANNET200),
            "lacks 197 of the 198 classes: it is older",
        ),
    ],
)
def test_what_is_not_there_is_said_in_one_line(root, make, words):
    (root / "empty.txt").write_text("\n")
    (root / "up.txt").write_text("../up\n")
    with pytest.raises(InputError, match=words):
        make(root)
