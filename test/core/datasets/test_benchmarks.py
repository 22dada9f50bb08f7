"""Data sets as they lie on a disk, and what is said where something is not there."""

import pytest

from autoseg3d_core.datasets.benchmarks import LABEL_MAP, classes_of, read_label_map, scenes_of_split
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
    assert classes_of("scannet200", root, None) == ((), {})
    assert classes_of("scannet200", root, root / LABEL_MAP)[1] == class_of


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
        (lambda root: read_label_map(root / "scannetv2_val.txt"), "has no columns raw_category"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(root, make, words):
    (root / "empty.txt").write_text("\n")
    (root / "up.txt").write_text("../up\n")
    with pytest.raises(InputError, match=words):
        make(root)
