import importlib.util

import pytest

from autoseg3d_core import build


@pytest.mark.parametrize("name", ["geometric", "fastsam", "sam", "precomputed"])
def test_a_front_end_that_is_named_is_taken(name):
    assert build.front_end_name(build.load(None, (f"segmenter.name={name}",))) == name


@pytest.mark.parametrize(
    ("installed", "weights", "name"),
    [(True, True, "fastsam"), (True, False, "geometric"), (False, True, "geometric")],
)
def test_auto_takes_fastsam_where_it_can_run(monkeypatch, tmp_path, installed, weights, name):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda n: installed or None if n == "ultralytics" else found(n)
    )
    file = tmp_path / "network.safetensors"
    if weights:
        file.touch()
    config = build.load(None, ("segmenter.name=auto", f"segmenter.fastsam.weights={file}"))
    assert build.front_end_name(config) == name
