"""Which objects count, and scores into files and back."""

import dataclasses
import json
from dataclasses import dataclass

import numpy as np
import pytest

from autoseg3d_core.evaluation.plain import from_plain, to_plain
from autoseg3d_core.evaluation.rules import Rules
from autoseg3d_core.structures import FrameTruth, InputError, LabelledCloud, SceneTruth

NAMES = ("office chair", "wall", "sofa chair", "lamp")


def truth():
    """Objects 1 to 4, one of each name, and one point on nothing."""
    ids, labels = np.array([1, 2, 3, 4, 0]), np.array([0, 1, 2, 3, -1])
    cloud = LabelledCloud(np.zeros((5, 3), np.float32), np.zeros((5, 3), np.uint8), ids, labels)
    boxes = np.arange(24, dtype=np.float32).reshape(4, 6)
    return SceneTruth(cloud, ids[:4], labels[:4], boxes, NAMES, np.arange(5))


MAP = {"office chair": "chair", "sofa chair": "chair", "wall": "wall"}


@pytest.mark.parametrize(
    ("rules", "ids", "names"),
    [
        (Rules(), [1, 2, 3, 4], NAMES),
        (Rules(ignored=("no such",)), [1, 2, 3, 4], NAMES),
        (Rules(ignored=("wall",)), [1, 3, 4], ("lamp", "office chair", "sofa chair")),
        (Rules(classes=("lamp", "door")), [4], ("lamp",)),
        (Rules(class_of=MAP), [1, 2, 3], ("chair", "wall")),
        (Rules(class_of=MAP, classes=("chair",)), [1, 3], ("chair",)),
        (Rules(class_of=MAP, ignored=("wall", "chair")), [], ()),
    ],
)
def test_objects_of_other_classes_are_void_in_the_scene_and_in_its_frames(rules, ids, names):
    scene = rules.of_scene(truth())
    assert (scene.ids.tolist(), scene.label_names) == (ids, tuple(names))
    assert [int(i) for i in scene.cloud.ids if i] == ids
    assert [MAP.get(NAMES[i - 1], NAMES[i - 1]) if rules.class_of else NAMES[i - 1] for i in ids] == [
        names[label] for label in scene.labels
    ]
    assert scene.boxes[:, 0].tolist() == [6 * (i - 1) for i in ids]
    assert scene.segments.tolist() == [0, 1, 2, 3, 4]
    image = np.array([[1, 2, 3, 4, 0, 9]], np.int32)
    frame = rules.of_frame(FrameTruth(image, image, np.eye(4)), scene)
    assert frame.part is image
    assert [i for i in frame.instance.ravel().tolist() if i] == ids


def test_objects_without_a_name_count_unless_it_matters_what_they_are():
    nameless = dataclasses.replace(truth(), labels=np.array([-1, 1, -1, 3]))
    assert Rules(ignored=("wall",)).of_scene(nameless).ids.tolist() == [1, 3, 4]
    assert Rules(classes=("lamp",)).of_scene(nameless).ids.tolist() == [4]
    assert Rules(class_of=MAP).of_scene(nameless).ids.tolist() == [2]


def test_a_scene_of_which_all_counts_is_the_same_scene():
    scene = truth()
    assert Rules().of_scene(scene) is scene
    ceiling = dataclasses.replace(scene, label_names=("ceiling", *NAMES[1:]))
    assert Rules().of_scene(ceiling).ids.tolist() == [2, 3, 4]
    assert Rules(ignored=()).of_scene(ceiling) is ceiling


@dataclass(frozen=True)
class Inner:
    values: np.ndarray
    name: str


@dataclass(frozen=True)
class Outer:
    inner: Inner | None
    by_name: dict[str, Inner]
    many: tuple[Inner, ...]
    number: float


@pytest.mark.parametrize("inner", [None, Inner(np.zeros((0, 3), np.float32), "none")])
def test_what_was_made_plain_is_read_back_as_it_was(inner):
    arrays = [np.array([[True, False]]), np.arange(3, dtype=np.int64), np.array([0.1, np.nan, np.inf])]
    some = [Inner(array, str(i)) for i, array in enumerate(arrays)]
    value = Outer(inner, {"a": some[0]}, tuple(some), float("nan"))
    again = from_plain(Outer, json.loads(json.dumps(to_plain(value))))
    assert (again.inner is None) == (inner is None)
    assert np.isnan(again.number)
    for one, other in zip([*value.many, value.by_name["a"]], [*again.many, again.by_name["a"]], strict=True):
        assert (one.name, one.values.dtype, one.values.shape) == (
            other.name,
            other.values.dtype,
            other.values.shape,
        )
        np.testing.assert_array_equal(one.values, other.values)


@pytest.mark.parametrize("plain", [{}, {"values": 3}, [], None, "text"])
def test_what_is_no_such_thing_is_refused(plain):
    with pytest.raises(InputError, match="Inner"):
        from_plain(Inner, plain)
