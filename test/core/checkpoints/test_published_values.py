"""What converted weights compute is what the published ones do, from points to embeddings."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from slow_twins.published_network import PublishedNetwork, View
from slow_twins.published_states import published_shapes, random_state, variant
from slow_twins.samples import frame_points

from autoseg3d_core.checkpoints import official
from autoseg3d_core.checkpoints.network_weights import load_network
from autoseg3d_core.structures import CameraIntrinsics, FragmentCloud, ImageView

FRAGMENTS = 6
SHIFTS_M = (0.0, 0.13)
"""Where each frame lies: the second sees some of the voxels of the first again."""


@pytest.fixture(scope="module")
def state():
    return random_state(published_shapes(), seed=1)


def view_of(seed):
    """A feature map of a camera that stands before the points, and the same for the reference."""
    image = torch.randn(960, 6, 8, generator=torch.Generator().manual_seed(seed))
    camera_from_world = torch.eye(4, dtype=torch.float64)
    camera_from_world[2, 3] = 1.0
    camera = CameraIntrinsics(40.0, 45.0, 20.0, 15.0, 41, 31)
    ours = ImageView(image, camera, camera_from_world)
    return ours, View(image.double().numpy(), (40, 45), (20, 15), (41, 31), camera_from_world.numpy())


@pytest.mark.parametrize(
    ("kind", "tolerance"), [("ESAM-E_CA", 1e-7), ("ESAM_CA", 1e-7), ("ESAM-E+FF", 2e-4)]
)  # what is read from an image is in single precision
def test_converted_weights_compute_what_the_published_ones_do(state, tmp_path, kind, tolerance):
    published, _ = variant(state, kind)
    torch.save({"state_dict": published}, tmp_path / "a.pth")
    official.convert(tmp_path / "a.pth", tmp_path / "a.safetensors")
    network = load_network(tmp_path / "a.safetensors").double().eval()
    slow, memories = PublishedNetwork(published), [network.new_memory()]
    for number, shift in enumerate(SHIFTS_M):
        xyz, rgb = (rows[::2] for rows in frame_points(number, shift))
        fragment = torch.arange(len(xyz)) * FRAGMENTS // len(xyz)
        view, seen = view_of(number) if kind == "ESAM-E+FF" else (None, None)
        cloud = FragmentCloud(xyz, rgb, fragment, torch.arange(len(xyz)), torch.ones(FRAGMENTS), view)
        with torch.no_grad():
            [heads], memories = network([cloud], memories)
            found = [dict(vars(head)) for head in heads]
            found[-1]["embeddings"] = network.embedding(heads[-1].queries)
        expected = slow.frame(xyz.numpy(), rgb.numpy(), fragment.numpy(), seen)
        assert len(found) == len(expected) == 4
        for ours, theirs in zip(found, expected, strict=True):
            for name, values in theirs.items():
                np.testing.assert_allclose(
                    ours[name].numpy(), values, rtol=10 * tolerance, atol=tolerance, err_msg=name
                )
