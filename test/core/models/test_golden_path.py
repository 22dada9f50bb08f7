"""The whole road of ESAM, from points to tracks, against its slow twin, over the first two frames of a scene.

Voxelise, stem, U-Net, voxel memory at frames 0 and 1, pooling, decoder heads 0 to 3, selection, merging.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from slow_twins.merging import PublishedMerging, reference_select
from slow_twins.queries import reference_decode_queries, reference_embed, reference_pool
from slow_twins.samples import array, frame_points, random_weights
from slow_twins.voxels import (
    convolve,
    normed,
    reference_adapt,
    reference_decode,
    reference_encode,
    relu,
)

from autoseg3d_core.models.esam import Esam
from autoseg3d_core.models.interface import Sighting
from autoseg3d_core.models.network import COLOUR_MEAN, COLOUR_SPREAD, Network
from autoseg3d_core.models.network_shape import NetworkShape
from autoseg3d_core.models.perception import NetworkConfig
from autoseg3d_core.models.selection import SelectionConfig
from autoseg3d_core.modules.query_decoder import QueriesShape
from autoseg3d_core.structures import FragmentCloud, Memory
from autoseg3d_core.tracking.assignment import OneToOne
from autoseg3d_core.tracking.lifecycle import TracksConfig, advance

FRAGMENTS = 9
SELECTION = SelectionConfig(
    top_k=6, per_class=True, score_threshold=0.0, min_points=3, mask_threshold=0.4, exclusive=False
)
PARTS = ("unet", "voxel_memory", "pooling", "decoder", "embedding")
SHAPE = NetworkShape(decoder=QueriesShape(classes=2, semantics=4))


class SlowEsam:
    """ESAM with the published U-Net, a voxel, a query and an instance at a time."""

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


@pytest.mark.parametrize(
    "seed", [5, 8, 10]
)  # weights with which some instances find a track, and some do not
@torch.no_grad()
def test_the_whole_road_is_the_slow_one_over_two_frames(seed):
    network = random_weights(Network(SHAPE), seed, PARTS)
    slow, model = SlowEsam(network), Esam(network, NetworkConfig(selection=SELECTION))
    memory = Memory.empty(model.empty_rows())
    nothing = torch.zeros(0, dtype=torch.int64)
    config = TracksConfig(blend=0.0, tentative_frames=1000)
    for frame in range(2):
        cloud = seen(frame)
        slow.step(cloud)
        encoded, memory = model.encode(cloud, memory)
        found, memory = model.perceive(cloud, encoded, memory)
        association = model.associate(found, memory, Sighting(nothing, nothing))
        memory = advance(
            memory, found, association, OneToOne(0.0)(association.affinity), config, frame
        ).memory
        assert found.labels.tolist() == slow.found.labels
        np.testing.assert_allclose(found.scores, slow.found.scores, rtol=1e-4)
        np.testing.assert_array_equal(found.masks.numpy(), slow.found.masks)
        assert 2 <= len(found) <= SELECTION.top_k
    tracks = memory.tracks
    rows = torch.cat([tracks.remembered.embeddings, tracks.remembered.scene_boxes], dim=1)
    np.testing.assert_allclose(rows, slow.merging.rows, atol=1e-4)
    np.testing.assert_allclose(tracks.scores, slow.merging.scores, atol=1e-4)
    assert tracks.labels.tolist() == slow.merging.labels
    assert (tracks.hits - 1).tolist() == slow.merging.counts
    assert set(slow.merging.counts) == {0, 1}
