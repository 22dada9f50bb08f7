import dataclasses

import cv2
import numpy as np
import pytest
import torch

from autoseg3d_core.checkpoints.affinity_weights import load_affinity_network
from autoseg3d_core.checkpoints.format import Checkpoint, save
from autoseg3d_core.mask_makers.affinity_network import (
    CHANNELS,
    FAR,
    NEAR,
    AffinityNetwork,
    AffinityShape,
    folded,
)
from autoseg3d_core.mask_makers.channels import channels_of
from autoseg3d_core.mask_makers.depth_guided import enlarged
from autoseg3d_core.mask_makers.edge import EdgeConfig, EdgeMaskMaker, group
from autoseg3d_core.mask_makers.region_facts import View
from autoseg3d_core.mask_makers.region_tree import RegionTree, best_cut, merge_regions, touching
from autoseg3d_core.structures import CameraIntrinsics, Frame, InputError

CAMERA = CameraIntrinsics(280.0, 280.0, 159.5, 119.5, 320, 240)
SMALL = AffinityShape((8, 8, 16, 16, 16), (8, 8, 8, 8), (0, 1, 1, 1, 1), 30, 8)


def two_objects():
    """Parts 1 and 2 are one object, part 3 another; beyond them nothing."""
    part = np.zeros((96, 128), np.int32)
    part[20:60, 20:50], part[20:60, 50:80], part[66:86, 30:100] = 1, 2, 3
    return part, np.where(part == 3, 2, np.minimum(part, 1))


def perfect_view(levels, sure=0.97):
    """Return what a network without faults would say of images of labels."""

    def said(labels, directions):
        out = np.full((len(directions), *labels.shape), sure, np.float32)
        for place, (down, right) in enumerate(directions):
            other = np.roll(labels, (-down, -right), (0, 1))
            out[place] = np.where(labels == other, sure, 1 - sure)
        return out

    near = np.stack([said(labels, NEAR) for labels in levels])
    far = np.stack([said(labels[::2, ::2], FAR) for labels in levels])
    half = levels[1][::2, ::2]
    features = np.zeros((4, *half.shape), np.float32)
    return View(
        near, far, (half > 0).astype(np.float32), features, np.ones(levels[0].shape, np.float32), 200.0
    )


def overlap(one, other):
    return (one & other).sum() / (one | other).sum()


def test_perfect_affinities_give_every_part_and_every_object_as_a_node():
    levels = two_objects()
    grouped = group(perfect_view(levels))
    masks = grouped.tree.members[:, grouped.labels]  # (nodes, height, width)
    for labels in levels:
        for name in set(np.unique(labels)) - {0}:
            assert max(overlap(mask, labels == name) for mask in masks) > 0.99
    assert np.isfinite(grouped.facts).all()


def test_the_height_and_width_of_a_node_are_those_of_its_pixels():
    view = perfect_view(two_objects())
    grouped = group(view)
    coarse = grouped.tree.members[:, grouped.labels[::2, ::2]]  # (nodes, rows, columns)
    before = 1 + len(view.features) + 1  # foreground, features, and how large
    seen = coarse.any(axis=(1, 2))
    assert seen.sum() > 4
    for mask, facts in zip(coarse[seen], grouped.facts[seen], strict=True):
        for axis in (0, 1):
            places = np.flatnonzero(mask.any(axis=1 - axis))
            side = (places[-1] - places[0] + 1) / mask.shape[axis]
            assert facts[before + axis] == pytest.approx(np.log(side), abs=1e-5)


def test_a_gap_of_one_pixel_in_a_border_joins_nothing():
    view = perfect_view(two_objects())
    near = view.near.copy()
    near[:, 0, 40, 49] = 0.99  # part 1 and part 2 touch there
    grouped = group(dataclasses.replace(view, near=near))
    assert grouped.labels[40, 30] != grouped.labels[40, 70]


def test_the_best_cut_covers_everything_once_and_follows_quality():
    levels = two_objects()
    grouped = group(perfect_view(levels))
    tree = grouped.tree
    size = tree.members @ np.bincount(grouped.labels.ravel()).astype(np.float32)
    for labels in levels:
        masks = tree.members[:, grouped.labels]
        quality = np.array(
            [max(overlap(mask, labels == name) for name in np.unique(labels)) for mask in masks], np.float32
        )
        kept = best_cut(tree, size, quality)
        assert (tree.members[kept].sum(axis=0) == 1).all()
        assert kept.sum() == len(np.unique(labels))


def test_the_best_cut_is_the_best_of_all_cuts():
    members = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 1, 1]], bool)
    tree = RegionTree(members, np.array([3, 3, 4, 4, -1]), np.array([1, 1, 1, 0.6, 0.3], np.float32))
    size = members.sum(axis=1).astype(np.float32)
    cuts = [(0, 1, 2), (2, 3), (4,)]
    rng = np.random.default_rng(0)
    for _ in range(50):
        quality = rng.random(5).astype(np.float32)
        best = max(cuts, key=lambda cut: sum(quality[node] * size[node] for node in cut))
        assert tuple(np.flatnonzero(best_cut(tree, size, quality))) == best


def test_regions_merge_in_the_order_of_their_affinities():
    labels = np.repeat(np.arange(3, dtype=np.int32), 20)[None].repeat(30, axis=0)
    near = np.full((2, 2, 30, 60), 0.9, np.float32)
    near[:, 0, :, 19], near[:, 0, :, 39] = 0.7, 0.2
    pairs = touching(labels, near, np.zeros((2, len(FAR), 15, 30), np.float32), 0.0)
    tree = merge_regions(pairs, 3, (0.8, 0.6, 0.4, 0.1))
    assert tree.members[3:].tolist() == [[True, True, False], [True, True, True]]
    assert tree.born[3:] == pytest.approx([0.6, 0.1])
    assert tree.parent.tolist() == [3, 3, 4, 4, -1]


def test_enlarged_labels_end_where_depth_does():
    depth = np.full((240, 320), 2.0, np.float32)
    depth[61:147, 83:205] = 1.2
    truth = depth < 1.5
    small = cv2.resize(depth, (80, 60), interpolation=cv2.INTER_NEAREST_EXACT)
    labels = (small < 1.5).astype(np.int32)
    plain = cv2.resize(labels.astype(np.float32), (320, 240), interpolation=cv2.INTER_NEAREST) > 0
    assert (plain != truth).sum() > 100
    assert np.array_equal(enlarged(labels, 1 / small, depth) > 0, truth)
    unknown = enlarged(labels, np.zeros_like(small), np.zeros_like(depth))
    assert np.array_equal(unknown > 0, plain)


def test_normals_are_those_of_planes_and_face_the_camera():
    v, u = np.mgrid[:240, :320]
    normal = np.array([0.3, -0.6, -0.74]) / np.linalg.norm([0.3, -0.6, -0.74])
    rays = np.stack([(u - CAMERA.cx) / CAMERA.fx, (v - CAMERA.cy) / CAMERA.fy, np.ones(u.shape)], axis=-1)
    depth = (-1.5 / (rays @ normal)).astype(np.float32)
    channels = channels_of(np.zeros((240, 320, 3), np.uint8), depth, CAMERA)
    assert np.allclose(channels[10:-10, 10:-10, 5:], normal, atol=0.01)
    assert (channels[..., 4] == 1).all()


def test_folding_changes_no_answer():
    torch.manual_seed(0)
    network = AffinityNetwork(SMALL)
    image = torch.randn(2, CHANNELS, 64, 96)
    network.train()(image)  # so that the statistics are not those of the start
    network.eval()
    before = network(image)
    after = folded(network)(image)
    assert torch.allclose(before.near, after.near, atol=1e-4)
    assert torch.allclose(before.far, after.far, atol=1e-4)


@pytest.mark.parametrize("size", [(48, 64), (7, 64), (65, 33), (480, 640)])
@pytest.mark.parametrize("depth", ["none", "unreadable", "some"])
def test_masks_fit_any_image_and_any_depth(size, depth):
    torch.manual_seed(1)
    rng = np.random.default_rng(2)
    values = {"none": 0.0, "unreadable": np.nan, "some": 1.5}[depth]
    image = np.full(size, values, np.float32)
    if depth == "some":
        image[: size[0] // 2] = np.inf
    camera = CameraIntrinsics(60.0, 60.0, size[1] / 2, size[0] / 2, size[1], size[0])
    rgb = rng.integers(0, 255, (*size, 3), dtype=np.uint8)
    maker = EdgeMaskMaker(AffinityNetwork(SMALL), EdgeConfig(size=64, min_score=0.0), torch.device("cpu"))
    masks = maker(Frame(rgb, image, camera, np.eye(4), 1))
    assert masks.index.shape == size
    assert masks.index.dtype == np.int32
    assert masks.index.max() < len(masks.score)
    assert np.isfinite(masks.score).all()


def test_weights_come_back_as_they_were_and_those_of_other_networks_are_refused(tmp_path):
    network = AffinityNetwork(SMALL)
    about = {"kind": "affinity", **dataclasses.asdict(SMALL)}
    save(tmp_path / "a.safetensors", Checkpoint(network.state_dict(), about))
    again = load_affinity_network(tmp_path / "a.safetensors")
    assert again.shape == SMALL
    assert torch.equal(again.near.weight, network.near.weight)
    save(tmp_path / "b.safetensors", Checkpoint(network.state_dict(), {"architecture": "x"}))
    with pytest.raises(InputError, match="masks-edge"):
        load_affinity_network(tmp_path / "b.safetensors")
