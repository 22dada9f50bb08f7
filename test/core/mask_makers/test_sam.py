"""SAM with random weights: slow networks, so they are asked at few points."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from autoseg3d_core.checkpoints.sam_network import sam_network
from autoseg3d_core.mask_makers.sam import SamConfig, SamMaskMaker
from autoseg3d_core.structures import CameraIntrinsics, Frame, InputError

build = pytest.importorskip("ultralytics.models.sam.build", reason="needs ultralytics")


@pytest.fixture(autouse=True)
def torchvision(monkeypatch):
    """Stand in for torchvision's suppression where its build does not fit torch's."""
    try:
        import torchvision.ops  # noqa: F401
    except (ImportError, RuntimeError):
        from ultralytics.utils.nms import TorchNMS

        module = ModuleType("torchvision")
        module.ops = SimpleNamespace(nms=TorchNMS.nms)
        monkeypatch.setitem(sys.modules, "torchvision", module)


@pytest.fixture(scope="module")
def mobile_sam(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("sam") / "mobile_sam.pt"
    tensors = build.build_mobile_sam().state_dict()
    tensors["mask_decoder.iou_prediction_head.layers.2.bias"] += 0.9  # of good opinion of its masks
    for name in tensors:
        if "hypernetworks" in name and name.endswith("layers.2.weight"):
            tensors[name] *= 200  # and sure of each pixel
    torch.save(tensors, path)
    return path


def frame():
    rgb = np.random.default_rng(0).integers(0, 255, (60, 80, 3)).astype(np.uint8)
    camera = CameraIntrinsics(80.0, 80.0, 40.0, 30.0, 80, 60)
    return Frame(rgb, np.ones((60, 80), np.float32), camera, np.eye(4), 1)


def test_everything_becomes_disjoint_masks_of_the_frame_s_size(mobile_sam):
    network, family = sam_network(mobile_sam)
    config = SamConfig(points_per_side=2, quality=-10.0, stability=0.0, min_share=0.0)
    masks = SamMaskMaker(network, family, config, torch.device("cpu"))(frame())
    assert masks.index.shape == (60, 80)
    assert len(masks.score) > 0
    assert set(np.unique(masks.index)) - {-1} == set(range(len(masks.score)))
    assert ((masks.score >= 0) & (masks.score <= 1)).all()


def test_nothing_good_enough_is_a_frame_without_masks(mobile_sam):
    network, family = sam_network(mobile_sam)
    config = SamConfig(points_per_side=1, quality=1.0, stability=1.0)
    masks = SamMaskMaker(network, family, config, torch.device("cpu"))(frame())
    assert (masks.index == -1).all()
    assert len(masks.score) == 0


def test_an_unknown_name_says_which_are_known(tmp_path):
    with pytest.raises(InputError, match="mobile_sam"):
        sam_network(tmp_path / "mine.pt")


def test_weights_of_another_network_are_refused(tmp_path):
    torch.save({"model": {"a": torch.zeros(1)}}, tmp_path / "sam2_t.pt")
    with pytest.raises(InputError, match="does not fit"):
        sam_network(tmp_path / "sam2_t.pt")
