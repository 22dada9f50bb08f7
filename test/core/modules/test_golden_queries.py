"""Pooling, the decoder's four heads and the embedding, against their slow twin."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from slow_twins.queries import reference_decode_queries, reference_embed, reference_pool
from slow_twins.samples import array, frame_points, random_weights

from autoseg3d_core.modules.embedding_head import EmbeddingHead
from autoseg3d_core.modules.fragment_pooling import FragmentPooling
from autoseg3d_core.modules.query_decoder import DecoderInput, DecoderShape, QueryDecoder, visible_fragments


@pytest.fixture(autouse=True)
def _without_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


SIZES = DecoderShape(inputs=6, channels=16, heads=4, feedforward=24, classes=3, semantics=7)
DECODER_SEED = 8
"""One whose masks hide some fragments from some queries at every head."""


@pytest.fixture
def points() -> dict[str, torch.Tensor]:
    xyz, _ = frame_points(5)
    generator = torch.Generator().manual_seed(9)
    features = torch.randn(len(xyz), 6, generator=generator, dtype=torch.float64)
    return {"xyz": xyz, "features": features, "fragment": torch.arange(len(xyz)) * 11 // len(xyz)}


def test_pooling_is_the_one_written_fragment_by_fragment(points):
    pool = random_weights(FragmentPooling(6), seed=3)
    out = pool(points["features"], points["xyz"], points["fragment"], 11)
    pooled, centers, weights = reference_pool(
        pool, *(array(points["features"]), array(points["xyz"])), points["fragment"].numpy(), 11
    )
    np.testing.assert_allclose(array(out.features), pooled, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(array(out.centers), centers, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(array(out.weights), weights, rtol=1e-9, atol=1e-9)


def test_every_head_of_the_decoder_is_the_one_written_query_by_query(points):
    pool = random_weights(FragmentPooling(6), seed=3)
    decoder = random_weights(QueryDecoder(SIZES), seed=DECODER_SEED)
    pooled = pool(points["features"], points["xyz"], points["fragment"], 11)
    seen = DecoderInput(
        points["features"],
        points["xyz"],
        points["fragment"],
        pooled.weights,
        pooled.features,
        pooled.centers,
        pooled.sizes,
        torch.zeros_like(points["xyz"]),
    )
    expected = reference_decode_queries(
        decoder, {name: array(getattr(seen, name)) for name in seen.__dataclass_fields__}
    )
    for head, (out, dense) in enumerate(zip(decoder(seen), expected, strict=True)):
        assert out.over_points == (head >= 2)
        for ours, theirs in (
            (out.queries, "queries"),
            (out.class_logits, "class"),
            (out.mask_logits, "mask"),
            (out.boxes, "boxes"),
        ):
            np.testing.assert_allclose(array(ours), dense[theirs], rtol=1e-8, atol=1e-8)
        assert (out.semantics is None) == (head < 3)
    np.testing.assert_allclose(array(out.semantics), dense["semantics"], rtol=1e-8, atol=1e-8)
    for out in decoder(seen)[:3]:
        visible = visible_fragments(out, seen)
        assert 0 < int((~visible).sum()) < visible.numel()  # the masks do hide something


@pytest.mark.parametrize("norm", ["layer", "batch"])
def test_the_embedding_head_is_its_formula_and_has_unit_length(norm):
    head = random_weights(EmbeddingHead(8, 12, norm), seed=5)
    x = np.random.default_rng(0).normal(size=(5, 8))
    np.testing.assert_allclose(array(head(torch.from_numpy(x))), reference_embed(head, x), rtol=1e-9)
