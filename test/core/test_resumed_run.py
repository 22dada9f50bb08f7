"""A run that is broken off and resumed is the unbroken one: in every model, and by the command line."""

import dataclasses
import json
import re
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from slow_twins.samples import random_weights

from autoseg3d_core import build
from autoseg3d_core.cli.__main__ import main
from autoseg3d_core.geometry.transforms import pose_from_quaternion
from autoseg3d_core.models.network import Network
from autoseg3d_core.models.network_shape import NetworkShape
from autoseg3d_core.modules.assembly_decoder import AssemblyShape
from autoseg3d_core.modules.fragment_merging import MergingShape
from autoseg3d_core.modules.query_decoder import QueriesShape
from autoseg3d_core.modules.recent_queries import RecentShape
from autoseg3d_core.modules.scene_matching import MatchingShape
from autoseg3d_core.modules.track_association import AssociationShape
from autoseg3d_core.pipeline import OnlineSegmenter
from autoseg3d_core.resources import resource_path
from autoseg3d_core.snapshot.tables import named_tensors
from autoseg3d_core.structures import MaskImage

RECORDING = resource_path("demo/recording")
FRAMES, MIDDLE = 4, 2
SMALL = NetworkShape(unet="edge", query_channels=32, decoder=QueriesShape(classes=3, semantics=3))
SHAPES = {
    "esam": SMALL,
    "autoseg3d": dataclasses.replace(
        SMALL, merging=MergingShape(), recent=RecentShape(), association=AssociationShape()
    ),
    "samosaic3d": dataclasses.replace(
        SMALL, decoder=AssemblyShape(classes=3), embedding=None, matching=MatchingShape()
    ),
}


@dataclass(frozen=True)
class Tiles:
    """Masks of tiles of the wall, 0.4 m wide, each with a step in depth and a colour of its own."""

    def __call__(self, frame):
        columns = (np.arange(160) - frame.camera.cx) / frame.camera.fx * 2.0 + frame.world_from_camera[0, 3]
        rows = (np.arange(120) - frame.camera.cy) / frame.camera.fy * 2.0
        tile = np.floor(columns / 0.4).astype(int) % 7 + 7 * (np.floor(rows / 0.8).astype(int) % 2)[:, None]
        present, index = np.unique(tile, return_inverse=True)
        return MaskImage(index.reshape(tile.shape).astype(np.int32), np.ones(len(present), np.float32))

    warm_up = __call__

    def with_config(self, config):
        return self


def tiled(frame):
    """Return the frame with the relief and the colours of its tiles."""
    index = Tiles()(frame).index
    rgb = np.stack([40 * (index % 5), 30 * (index % 7), 20 * (index % 11)], axis=2).astype(np.uint8)
    return dataclasses.replace(frame, rgb=rgb, depth=(2.0 - 0.1 * (index % 3)).astype(np.float32))


def networked(name):
    """A small network of random weights, all of whose queries become instances."""
    settings = (f"model.name={name}", "device=cpu", "lifting.points=200", "tracks.maturity.hits=2")
    loose = ("score_threshold=0.0", "min_points=0", "mask_threshold=0.4", "top_k=6", "exclusive=false")
    sections = ("model.network.selection", "model.samosaic3d.selection")
    config = build.load(None, (*settings, *(f"{part}.{word}" for part in sections for word in loose)))
    network = random_weights(Network(SHAPES[name]), seed=3).float() if name in SHAPES else None
    model, assigner = build.MODELS[name](config, network)
    return OnlineSegmenter(Tiles(), model, assigner, build.pipeline_config(config))


def state_of(online):
    return dict(named_tensors(online.snapshot()))


def is_same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def check_same(first, second):
    assert (first.frame_index, first.stamp_ns, first.events) == (
        second.frame_index,
        second.stamp_ns,
        second.events,
    )
    assert np.array_equal(first.label_image, second.label_image)
    assert np.array_equal(first.mask_ids, second.mask_ids)
    for table in ("tracks", "cloud"):
        for name, column in vars(getattr(first, table)).items():
            assert np.array_equal(column, getattr(getattr(second, table), name)), name


@pytest.mark.parametrize("model", list(build.MODELS))
def test_a_resumed_run_is_the_unbroken_one(tmp_path, wall_frame, model):
    unbroken, resumed = networked(model), networked(model)
    path = tmp_path / "room.snapshot"
    for i in range(FRAMES):
        if i == MIDDLE:
            unbroken.save(path)
            resumed.load(path)
            assert is_same(state_of(unbroken), state_of(resumed))
        pose = pose_from_quaternion(np.array([0.2 * i, 0, 0]), np.array([0, 0, 0, 1.0]))
        frame = tiled(wall_frame(i + 1, pose))
        update = unbroken.step(frame)
        if i >= MIDDLE:
            check_same(update, resumed.step(frame))
    assert len(update.tracks) > 3
    state = state_of(unbroken)
    assert is_same(state, state_of(resumed))
    assert all(
        len(tensor) for name, tensor in state.items() if name.startswith("memory.kept") and tensor.dim()
    )


def test_replay_goes_on_from_what_it_saved(tmp_path, capsys):
    def replay(out, *words):
        given = ["replay", str(RECORDING), "--masks", "truth-parts", "--out", str(tmp_path / out)]
        few = ["--set", "model.name=overlap", "lifting.points=500", "tracks.maturity.hits=1"]
        code = main([*given, "--stride", "20", *words, *few])
        return code, capsys.readouterr()

    path = str(tmp_path / "room.snapshot")
    assert replay("whole", "--limit", "4")[0] == 0
    code, said = replay("first", "--limit", "2", "--save", path)
    assert code == 0
    assert f"--resume {path} --start 40" in said.out
    assert replay("second", "--limit", "2", "--start", "40", "--resume", path)[0] == 0
    for name in ("scene.ply", "scene.png"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    tables = [json.loads((tmp_path / out / "summary.json").read_text()) for out in ("whole", "second")]
    assert tables[0]["instances"] == tables[1]["instances"]
    assert tables[0]["tracks"] > 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--resume nowhere.snapshot", "nowhere.snapshot cannot be read: No such file"),
        ("--start 90", "--start 90: "),
        ("--save nowhere/a", "--save nowhere/a: its folder is not there"),
    ],
)
def test_what_replay_cannot_use_ends_it_before_a_frame_is_run(tmp_path, capsys, words, said):
    few = ["--set", "model.name=overlap", "masks.name=geometric", "device=cpu"]
    assert main(["replay", str(RECORDING), "--out", str(tmp_path / "out"), *words.split(), *few]) == 2
    assert re.search(re.escape(said), capsys.readouterr().err)
