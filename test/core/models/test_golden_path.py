"""The whole road of ESAM, from points to tracks, against its slow twin, over the first two frames of a scene.

Voxelise, stem, U-Net, voxel memory at frames 0 and 1, pooling, decoder heads 0 to 3, selection, merging.
The network computes in double precision; what it finds and the tracks are in single, as always.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import torch
from slow_twins.merging import PublishedMerging, reference_select
from slow_twins.queries import reference_decode_queries, reference_embed, reference_pool
from slow_twins.samples import array, frame_points, random_weights
from slow_twins.voxels import convolve, normed, reference_adapt, reference_decode, reference_encode, relu
from torch import Tensor, nn

from autoseg3d_core.models.esam import Esam
from autoseg3d_core.models.interface import Sighting
from autoseg3d_core.models.network import COLOUR_MEAN, COLOUR_SPREAD, Network
from autoseg3d_core.models.network_shape import NetworkShape
from autoseg3d_core.models.perception import NetworkConfig
from autoseg3d_core.models.selection import SelectionConfig
from autoseg3d_core.modules.query_decoder import QueriesShape
from autoseg3d_core.modules.sparse_unet import SHAPES, Stage, UNetShape
from autoseg3d_core.structures import FragmentCloud, Memory
from autoseg3d_core.tracking.assignment import OneToOne
from autoseg3d_core.tracking.lifecycle import TracksConfig, advance

FRAGMENTS = 9
SELECTION = SelectionConfig(
    top_k=6, per_class=True, score_threshold=0.0, min_points=3, mask_threshold=0.4, exclusive=False
)
PUBLISHED = NetworkShape(decoder=QueriesShape(classes=2, semantics=4))
NARROW_UNET = UNetShape(
    stem_channels=8,
    stem_kernel=5,
    down=(Stage(8, 2), Stage(12, 1), Stage(16, 1), Stage(16, 2)),
    up=(Stage(16, 1), Stage(12, 2), Stage(12, 1), Stage(16, 2)),
)
NARROW = dataclasses.replace(PUBLISHED, unet="narrow", query_channels=64)


class SlowEsam:
    """ESAM, a voxel, a query and an instance at a time."""

    def __init__(self, network: Network) -> None:
        self.network, self.merging = network, PublishedMerging()
        self.remembered = [{} for _ in network.voxel_memory.levels]

    def features_of(self, xyz: np.ndarray, rgb: np.ndarray) -> np.ndarray:
        """Each point's features, those of its voxel."""
        unet = self.network.unet
        cells = [tuple(math.floor(c / 0.02) for c in point) for point in xyz.tolist()]
        groups: dict[tuple[int, ...], list[np.ndarray]] = {}
        for cell, colour in zip(cells, (rgb - COLOUR_MEAN) / COLOUR_SPREAD, strict=True):
            groups.setdefault(cell, []).append(colour)
        voxels = {cell: np.mean(rows, axis=0) for cell, rows in groups.items()}
        stem = relu(normed(convolve(voxels, unet.stem.conv), unet.stem.norm))
        adapted = []
        for i, level in enumerate(reference_encode(unet, stem)):
            out, self.remembered[i] = reference_adapt(
                self.network.voxel_memory.levels[i], level, self.remembered[i]
            )
            adapted.append(out)
        final = reference_decode(unet, stem, adapted)[-1]
        return np.array([final[cell] for cell in cells])

    def step(self, cloud: FragmentCloud) -> None:
        """Take a frame."""
        network, xyz = self.network, array(cloud.xyz)
        features = self.features_of(xyz, array(cloud.rgb))
        fragment = cloud.fragment.numpy()
        pooled, centers, weights = reference_pool(network.pooling, features, xyz, fragment, FRAGMENTS)
        scene = {"features": features, "xyz": xyz, "fragment": fragment, "weights": weights}
        scene |= {"fragments": pooled, "centers": centers}
        last = reference_decode_queries(network.decoder, scene)[3]
        found = reference_select(
            last["class"],
            last["mask"],
            SELECTION.top_k,
            SELECTION.mask_threshold,
            SELECTION.score_threshold,
            SELECTION.min_points,
        )
        embeddings = reference_embed(network.embedding, last["queries"])
        rows = np.concatenate([embeddings, last["boxes"]], axis=1)[found.query]
        self.found = found
        self.merging.take(rows, found.labels, found.scores)


def seen(frame: int) -> FragmentCloud:
    """A frame's cloud; the second is seen from a little further on."""
    xyz, rgb = frame_points(frame, shift=0.06 * frame)
    fragment = torch.arange(len(xyz)) * FRAGMENTS // len(xyz)
    return FragmentCloud(xyz, rgb, fragment, torch.arange(len(xyz)), torch.ones(FRAGMENTS))


def perceptive(network: Network) -> Network:
    """Let a random network find masks that differ and cover about half of a frame.

    Random layers average everything away: all queries would find one mask, of all the points or of none.
    """

    def center(layers: nn.Module, _: tuple[Tensor], features: Tensor) -> None:
        layers[2].bias -= features.mean(dim=0)

    decoder = network.decoder
    hook = decoder.point_masks.register_forward_hook(center)
    heads, _ = network([seen(0), seen(1)], [network.new_memory(), network.new_memory()])
    hook.remove()
    queries = torch.cat([of_frame[-1].queries for of_frame in heads])
    mean, spread = queries.mean(dim=0), queries.std()
    decoder.norm.weight /= spread
    decoder.norm.bias.sub_(mean).div_(spread)
    return network


def sightings_by_both(network: Network) -> list[int]:
    """Run two frames both ways, which have to agree; return how often each track was found again."""
    slow, model = SlowEsam(network), Esam(network, NetworkConfig(selection=SELECTION))
    memory = Memory.empty(model.empty_rows())
    nothing = torch.zeros(0, dtype=torch.int64)
    config = TracksConfig(blend=0.0, tentative_frames=1000)
    for frame in range(2):
        cloud = seen(frame)
        slow.step(cloud)
        encoded, memory = model.encode(cloud, memory)
        found, memory = model.perceive(dataclasses.replace(cloud, xyz=cloud.xyz.float()), encoded, memory)
        association = model.associate(found, memory, Sighting(nothing, nothing))
        memory = advance(
            memory, found, association, OneToOne(0.0)(association.affinity), config, frame
        ).memory
        assert found.labels.tolist() == slow.found.labels
        np.testing.assert_allclose(found.scores, slow.found.scores, rtol=1e-4, atol=1e-6)
        assert [mask.tolist() for mask in found.masks] == [mask.tolist() for mask in slow.found.masks]
        assert len(found) <= SELECTION.top_k
    tracks = memory.tracks
    rows = torch.cat([tracks.remembered.embeddings, tracks.remembered.scene_boxes], dim=1)
    np.testing.assert_allclose(rows.reshape(-1), np.ravel(slow.merging.rows), atol=1e-4)
    np.testing.assert_allclose(tracks.scores, slow.merging.scores, atol=1e-4)
    assert tracks.labels.tolist() == slow.merging.labels
    assert (tracks.hits - 1).tolist() == slow.merging.counts
    return slow.merging.counts


@torch.no_grad()
def test_the_whole_road_is_the_slow_one_over_two_frames():
    assert sightings_by_both(perceptive(random_weights(Network(PUBLISHED), seed=0)))


@torch.no_grad()
def test_the_whole_road_is_the_slow_one_with_any_weights(monkeypatch):
    monkeypatch.setitem(SHAPES, "narrow", NARROW_UNET)
    again = []
    for seed in range(10):
        again += sightings_by_both(perceptive(random_weights(Network(NARROW), seed)))
    assert again.count(0) >= 10  # tracks that were not found again
    assert again.count(1) >= 10  # and those that were


@torch.no_grad()
def test_without_a_sure_mask_there_are_no_instances_and_no_tracks(monkeypatch):
    monkeypatch.setitem(SHAPES, "narrow", NARROW_UNET)
    network = random_weights(Network(NARROW), seed=0)
    network.decoder.point_masks[2].weight.zero_()
    network.decoder.point_masks[2].bias.zero_()
    assert sightings_by_both(network) == []
