import dataclasses
import sys

import pytest
import torch

from autoseg3d_core import build
from autoseg3d_core.config import ConfigError
from autoseg3d_core.mask_makers.edge import EdgeMaskMaker
from autoseg3d_core.resources import resource_path


@pytest.mark.parametrize("name", ["edge", "geometric", "fastsam", "sam", "precomputed"])
def test_a_mask_maker_that_is_named_is_taken(name):
    assert build.mask_maker_name(build.load(None, (f"masks.name={name}",))) == name


def test_the_default_masks_need_no_optional_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "ultralytics", None)  # importing it fails
    assert isinstance(build.mask_maker(build.load(None, ("device=cpu",))), EdgeMaskMaker)


def test_the_node_s_parameter_file_is_a_config_of_the_core_too():
    ours = build.load(resource_path("config/autoseg3d.yaml"))
    assert ours == build.load(None, ("origin.up=z",))  # the one default that is the node's own


def test_the_published_settings_of_esam_are_kept_in_a_file():
    config = build.load(resource_path("config/esam_published.yaml"))
    selection = config.model.network.selection
    assert (selection.top_k, selection.mask_threshold, selection.min_points) == (20, 0.4, 100)
    assert (config.lifting.points, config.model.network.leftovers, config.tracks.blend) == (20_000, 20, 0.0)
    assert (config.masks.fastsam.confidence, config.masks.fastsam.iou) == (0.1, 0.9)
    assert not selection.exclusive
    lifting = config.lifting  # every reading that is not zero
    assert (lifting.min_depth_m, lifting.max_depth_m, lifting.edge_tolerance) == (0.0, 100.0, 0.0)


@pytest.mark.parametrize(
    ("asked", "device", "half"),
    [
        ("auto", "cuda", True),
        ("auto", "cpu", False),
        ("full", "cuda", False),
        ("full", "cpu", False),
        ("half", "cuda", True),
    ],
)
def test_the_voxel_parts_are_halved_on_a_gpu_unless_told_otherwise(asked, device, half):
    assert build.in_half_precision(asked, torch.device(device)) is half


def test_half_precision_is_refused_on_a_cpu():
    given = ("model.network.precision=half", "device=cpu")
    with pytest.raises(ConfigError, match=r"precision=half.*cpu: set full"):
        build.online_segmenter(build.load(None, given))


def test_live_settings_of_a_mask_maker_change_and_its_network_stays():
    given = ("model.name=overlap", "masks.name=edge", "device=cpu")
    online = build.online_segmenter(build.load(None, given))
    network = online.mask_maker._network
    build.reconfigure(
        online, build.load(None, (*given, "masks.edge.level=objects", "model.overlap.cover=0.7"))
    )
    assert online.mask_maker.config.level == "objects"
    assert online.mask_maker._network is network
    assert online.model.config.cover == 0.7


@pytest.mark.parametrize("name", sorted(build.MASK_MAKERS))
def test_every_mask_maker_has_a_section_of_its_name(name):
    assert hasattr(build.MasksConfig(), name)


def test_what_one_model_alone_reads_stands_under_its_name():
    model = build.ModelConfig()
    sections = {name for name, value in vars(model).items() if dataclasses.is_dataclass(value)}
    assert sections - {"network"} == build.MODELS.keys() - {"esam"}  # which reads nothing that others do not
