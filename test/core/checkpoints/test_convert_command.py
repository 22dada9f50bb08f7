"""The command `convert`: what it says of each kind of file, and what it refuses before it reads any."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from slow_twins.published_states import published_shapes, random_state, variant

from autoseg3d_core import build
from autoseg3d_core.checkpoints import official
from autoseg3d_core.checkpoints.format import load
from autoseg3d_core.checkpoints.network_weights import load_network
from autoseg3d_core.cli.__main__ import main
from autoseg3d_core.cli.train import TrainConfig
from autoseg3d_core.config import load_config
from autoseg3d_core.structures import InputError

CONFIGS = Path(__file__).parents[3] / "config"


@pytest.fixture(scope="module")
def state():
    return random_state(published_shapes())


def converted(monkeypatch, capsys, state, *arguments):
    """Return what the command says of a file with these tensors."""
    monkeypatch.setattr(official, "read_tensors", lambda path: state)
    assert main(["convert", "a.pth", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def settings_in(said):
    return tuple(said.split("--set ")[1].split())


@pytest.mark.parametrize(
    ("kind", "per_class", "threshold", "features"),
    [
        ("ESAM-E_CA", False, 0.3, False),
        ("ESAM_CA", False, 0.25, False),
        ("ESAM-E", True, 0.21, False),
        ("ESAM-E+FF", True, 0.3, True),
    ],
)
def test_the_command_to_try_weights_has_their_published_settings(
    state, tmp_path, monkeypatch, capsys, kind, per_class, threshold, features
):
    target = tmp_path / "a.safetensors"
    said = converted(monkeypatch, capsys, variant(state, kind)[0], target)
    assert f"{target}: {kind}," in said
    config = build.load(CONFIGS / "esam_published.yaml", settings_in(said))
    assert config.model.network.weights == str(target)
    assert config.model.network.selection.per_class == per_class
    assert config.model.network.selection.score_threshold == threshold
    assert config.masks.fastsam.features == features


def test_weights_of_single_frames_are_said_to_be_for_training(state, tmp_path, monkeypatch, capsys):
    said = converted(monkeypatch, capsys, variant(state, "single view")[0], tmp_path / "a.safetensors")
    assert "replay" not in said
    assert "--config config/train_esam.yaml" in said
    config = load_config(TrainConfig, CONFIGS / "train_esam.yaml", settings_in(said))
    assert config.network.start == str(tmp_path / "a.safetensors")
    assert (config.network.unet, config.network.query_channels) == ("res16unet34c", 256)
    assert (config.network.placement, config.network.class_aware) == ("published", False)
    assert config.network.embedding


def backbone(state):
    """A backbone from elsewhere: a U-Net with an output of its own, and something else."""
    unet = {name: value for name, value in state.items() if name.startswith("backbone.")}
    output = {"backbone.final.kernel": torch.zeros(96, 20), "backbone.final.bias": torch.zeros(1, 20)}
    return unet | output | {"mask_head.weight": torch.zeros(1)}


def test_a_backbone_becomes_a_unet_and_what_was_left_out_is_named(state, tmp_path, monkeypatch, capsys):
    target = tmp_path / "unet.safetensors"
    said = converted(monkeypatch, capsys, backbone(state), target, "--backbone")
    assert "1 tensors of other parts were left out" in said
    assert "backbone.final.bias, backbone.final.kernel" in said
    config = load_config(TrainConfig, CONFIGS / "train_single.yaml", settings_in(said))
    assert (config.network.start, config.network.unet) == (str(target), "res16unet34c")
    tensors = load(target).tensors
    assert len(tensors) == sum(name.startswith("backbone.") for name in state)
    assert all(name.startswith("unet.") for name in tensors)
    with pytest.raises(InputError, match="U-Net alone: start training from it"):
        load_network(target)


@pytest.mark.parametrize("rename", [lambda n: f"model.{n}", lambda n: n.removeprefix("backbone.")])
def test_a_backbone_under_other_names_is_refused_by_the_names_it_has(state, tmp_path, monkeypatch, rename):
    other = {rename(n): v for n, v in state.items() if n.startswith("backbone.")}
    monkeypatch.setattr(official, "read_tensors", lambda path: other)
    with pytest.raises(InputError, match=rf"no tensor called backbone\.\* \(but {next(iter(other))}"):
        official.convert_backbone("a.pth", tmp_path / "unet.safetensors")


@pytest.mark.parametrize("convert", [official.convert, official.convert_backbone])
def test_a_target_that_cannot_be_written_is_refused_before_the_file_is_read(tmp_path, convert):
    with pytest.raises(InputError, match=r"name it a\.safetensors"):
        convert(tmp_path / "missing.pth", tmp_path / "a.pth")
    with pytest.raises(InputError, match="create it first"):
        convert(tmp_path / "missing.pth", tmp_path / "nowhere" / "a.safetensors")
