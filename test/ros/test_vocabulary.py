"""Names of classes come from the model, from a file, or from an operator; every message can carry them."""

import dataclasses

import numpy as np
import pytest

from autoseg3d_core.structures import InputError, LabelledCloud
from autoseg3d_ros.vocabulary import Vocabulary, names_from_file


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("- chair\n- table", ("chair", "table")),
        ("0: chair\n2: lamp", ("chair", "", "lamp")),
        ("[Stuhl, 'Tür']", ("Stuhl", "Tür")),
    ],
)
def test_names_are_read_from_a_list_or_by_number(tmp_path, text, names):
    path = tmp_path / "names.yaml"
    path.write_text(text, encoding="utf-8")
    assert names_from_file(str(path)) == names


@pytest.mark.parametrize("text", ["", "chair", "a: 1", "-1: chair", "70000: chair", "0: [chair]", "{", "- 3"])
def test_a_file_without_names_is_refused_by_its_name(tmp_path, text):
    path = tmp_path / "names.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"publish.label_names: .*names.yaml"):
        names_from_file(str(path))


def test_a_missing_file_is_refused_by_its_name():
    with pytest.raises(InputError, match=r"nowhere.yaml cannot be read"):
        names_from_file("nowhere.yaml")


def test_given_names_get_labels_after_the_models(tracks_table):
    words = Vocabulary(("chair", "table"))
    assert words.learn({3: "mug", 5: "table", 9: "mug"})
    assert words.names == ["chair", "table", "mug"]
    assert not words.learn({3: "mug"})
    assert words.learn({3: "mug", 5: "table", 7: "lamp"})
    tracks = words.tracks(tracks_table([1, 3, 5, 7, 9], labels=[0, 0, 0, -1, 1]))
    assert tracks.labels.tolist() == [0, 2, 1, 3, 1]
    cloud = LabelledCloud(np.zeros((3, 3)), np.zeros((3, 3)), np.array([0, 3, 7]), np.array([-1, 0, -1]))
    assert words.cloud(cloud).labels.tolist() == [-1, 2, 3]


def test_without_given_names_everything_stays(tracks_table):
    tracks = tracks_table([1, 3], labels=[0, -1])
    assert dataclasses.asdict(Vocabulary(("chair",)).tracks(tracks))["labels"].tolist() == [0, -1]
