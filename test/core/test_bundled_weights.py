"""The weights that come with the package: they are found by name, and find things."""

import numpy as np
import pytest

from autoseg3d_core import build
from autoseg3d_core.checkpoints.format import load
from autoseg3d_core.checkpoints.weights import BUNDLED, weights_path
from autoseg3d_core.datasets.open_sequence import open_sequence
from autoseg3d_core.resources import resource_path

MEGABYTE = 1e6
LARGEST_MB = {
    "masks-edge": 8,
    "fastsam-edge": 8,
    "autoseg3d-edge": 12,
    "samosaic3d-edge": 12,
    "esam-edge": 12,
}


@pytest.fixture(scope="module")
def frames():
    recording = open_sequence(str(resource_path("demo/recording")))
    return [recording[index] for index in (20, 22, 24)]


def test_what_lies_there_is_what_is_listed():
    files = resource_path("weights").glob("*.safetensors")
    assert {file.stem for file in files} == set(BUNDLED) == set(LARGEST_MB)


@pytest.mark.parametrize("name", LARGEST_MB)
def test_they_are_small_and_say_how_they_were_made(name):
    path = weights_path(name)
    assert path.stat().st_size <= LARGEST_MB[name] * MEGABYTE
    assert "autoseg3d train" in load(path).source


def test_the_small_fastsam_finds_masks_at_once(frames):
    pytest.importorskip("ultralytics")
    mask_maker = build.mask_maker(build.load(None, ("masks.name=fastsam", "device=cpu")))
    masks = mask_maker(frames[0])
    assert len(masks.score) >= 5
    assert (masks.index >= 0).mean() > 0.2


@pytest.mark.parametrize("level", ["parts", "objects"])
def test_masks_edge_is_the_default_and_finds_masks_at_both_levels(frames, level):
    mask_maker = build.mask_maker(build.load(None, (f"masks.edge.level={level}", "device=cpu")))
    assert type(mask_maker).__name__ == "EdgeMaskMaker"
    masks = mask_maker(frames[0])
    assert len(masks.score) >= 4
    assert (masks.index >= 0).mean() > 0.2
    assert np.isfinite(masks.score).all()


@pytest.mark.parametrize("model", ["esam", "autoseg3d", "samosaic3d"])
def test_each_network_finds_its_weights_and_keeps_ids(frames, model):
    settings = (f"model.name={model}", "masks.name=geometric", "device=cpu")
    online = build.online_segmenter(build.load(None, settings))
    updates = [online.step(frame) for frame in frames]
    first, last = (set(np.unique(update.label_image)) - {0} for update in (updates[0], updates[-1]))
    assert len(first) >= 3
    assert len(first & last) >= len(first) / 2
    assert online.model.label_names[2] == "chair"
    assert set(build.label_names(build.load(None, settings), online.model)) == {"object"}
    named = build.load(None, (*settings, "model.class_names=true"))
    assert build.label_names(named, online.model) == online.model.label_names
