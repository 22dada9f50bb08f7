"""Pooling, the decoder's four heads and the embedding, against a slow float64 reference.

The reference is written from the formulas alone, fragment by fragment and query by query.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn

from autoseg3d_core.modules.embedding_head import EmbeddingHead
from autoseg3d_core.modules.fragment_pooling import FragmentPooling
from autoseg3d_core.modules.query_decoder import DecoderShape, QueryDecoder, Scene, visible_fragments


def random_weights(module: nn.Module, seed: int) -> nn.Module:
    """Fill everything, running statistics included, with numbers that keep features near one."""
    generator = torch.Generator().manual_seed(seed)
    for name, values in module.state_dict().items():
        if not values.is_floating_point():
            continue
        noise = torch.randn(values.shape, generator=generator)
        if name.endswith("running_var"):
            values.copy_(noise.abs() + 0.5)
        elif values.ndim >= 2:
            values.copy_(noise / math.sqrt(values.shape[-1] * (6 if values.ndim == 3 else 1)))
        else:
            values.copy_(noise * 0.3 + (1.0 if name.endswith("weight") else 0.0))
    return module.double().eval()


@pytest.fixture(autouse=True)
def _without_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


def frame_points(seed: int, shift: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Points on a floor and a wall that meet below zero, with colours."""
    generator = torch.Generator().manual_seed(seed)
    flat = torch.rand(220, 3, generator=generator, dtype=torch.float64)
    flat[:110, 2] *= 0.02
    flat[110:, 0] *= 0.02
    return flat * 0.5 - 0.2 + shift, torch.rand(220, 3, generator=generator, dtype=torch.float64)


def array(values: torch.Tensor) -> np.ndarray:
    return values.detach().double().numpy()


def batch_norm(layer: nn.Module, x: np.ndarray) -> np.ndarray:
    mean, var, w, b = (array(t) for t in (layer.running_mean, layer.running_var, layer.weight, layer.bias))
    return (x - mean) / np.sqrt(var + layer.eps) * w + b


def linear(layer: nn.Linear, x: np.ndarray) -> np.ndarray:
    return x @ array(layer.weight).T + (0 if layer.bias is None else array(layer.bias))


def layer_norm(layer: nn.LayerNorm, x: np.ndarray) -> np.ndarray:
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(var + layer.eps) * array(layer.weight) + array(layer.bias)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def reference_pool(pool: FragmentPooling, features, xyz, fragment, count):
    weights, pooled, centers = np.zeros(len(xyz)), [], []
    for s in range(count):
        on = np.flatnonzero(fragment == s)
        p = xyz[on]
        center = p.mean(0)
        local = (p - center) / ((p.max(0) - p.min(0)).max() + 0.01)
        first, norm1, _, second, norm2 = pool.shape
        h = layer_norm(norm2, linear(second, np.maximum(layer_norm(norm1, linear(first, local)), 0)))
        g = h.max(0)
        both = np.concatenate([h, np.tile(g, (len(on), 1))], axis=1)
        inner = np.maximum(layer_norm(pool.weigh_norm, linear(pool.weigh_in, both)), 0)
        weights[on] = 2 * sigmoid(linear(pool.weigh_out, inner)[:, 0])
        pooled.append((weights[on, None] * features[on]).mean(0) + g)
        centers.append(center)
    return np.array(pooled), np.array(centers), weights


def attend(layer: nn.Module, queries: np.ndarray, keys: np.ndarray, masked: np.ndarray | None) -> np.ndarray:
    q, k, v = linear(layer.query, queries), linear(layer.key, keys), linear(layer.value, keys)
    share = q.shape[1] // layer.heads
    heads = []
    for h in range(layer.heads):
        part = slice(h * share, (h + 1) * share)
        logits = q[:, part] @ k[:, part].T / math.sqrt(share)
        if masked is not None:
            logits = np.where(masked, -np.inf, logits)
        e = np.exp(logits - logits.max(1, keepdims=True))
        heads.append(e / e.sum(1, keepdims=True) @ v[:, part])
    return linear(layer.out, np.concatenate(heads, axis=1))


def two(layers: nn.Sequential, x: np.ndarray) -> np.ndarray:
    return linear(layers[2], np.maximum(linear(layers[0], x), 0))


def reference_decode_queries(
    decoder: QueryDecoder, scene: dict[str, np.ndarray]
) -> list[dict[str, np.ndarray]]:
    pooled, fragment = scene["fragments"], scene["fragment"]
    keys = np.maximum(layer_norm(decoder.keys[1], linear(decoder.keys[0], pooled)), 0)
    on_fragments = two(decoder.fragment_masks, pooled)
    on_points = two(decoder.point_masks, np.concatenate([scene["xyz"], scene["features"]], axis=1))
    q, outs = two(decoder.queries, pooled), []
    for index in range(4):
        n = layer_norm(decoder.norm, q)
        raw = two(decoder.boxes, n)
        center, size = scene["centers"] + raw[:, :3], np.exp(raw[:, 3:])
        out = {"queries": n, "class": two(decoder.classes, n)}
        out["boxes"] = np.concatenate([center - size / 2, center + size / 2], axis=1)
        out["mask"] = n @ (on_fragments if index < 2 else on_points).T
        outs.append(out)
        if index == 3:
            out["semantics"] = linear(decoder.semantics, n)
            return outs
        off = sigmoid(out["mask"]) < 0.5
        if index < 2:
            masked = off.copy()
            masked[masked.all(1)] = False
        else:
            sums = np.array(
                [
                    [(off[i] * scene["weights"])[fragment == s].sum() for s in range(len(pooled))]
                    for i in range(len(q))
                ]
            )
            score = sums / np.array([(fragment == s).sum() for s in range(len(pooled))])
            masked = score > 0.5
            masked[score == score.min(1, keepdims=True)] = False
        layer = decoder.layers[index]
        q = layer_norm(layer.cross_norm, q + attend(layer.cross, q, keys, masked))
        q = layer_norm(layer.among_norm, q + attend(layer.among, q, q, None))
        wide = linear(layer.feedforward.expand, q)
        gelu = wide * 0.5 * (1 + np.vectorize(math.erf)(wide / math.sqrt(2)))
        q = layer_norm(layer.feedforward.norm, q + linear(layer.feedforward.contract, gelu))
    raise AssertionError("unreachable")


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
    scene = Scene(
        points["features"], points["xyz"], points["fragment"], pooled.weights, pooled.features, pooled.centers
    )
    expected = reference_decode_queries(
        decoder, {name: array(getattr(scene, name)) for name in scene.__dataclass_fields__}
    )
    for head, (out, dense) in enumerate(zip(decoder(scene), expected, strict=True)):
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
    for out in decoder(scene)[:3]:
        visible = visible_fragments(out, scene)
        assert 0 < int((~visible).sum()) < visible.numel()  # the masks do hide something


@pytest.mark.parametrize("norm", ["layer", "batch"])
def test_the_embedding_head_is_its_formula_and_has_unit_length(norm):
    head = random_weights(EmbeddingHead(8, 12, norm), seed=5)
    x = np.random.default_rng(0).normal(size=(5, 8))
    first, norm1, _, second, norm2 = head.layers

    apply = layer_norm if norm == "layer" else batch_norm
    out = apply(norm2, linear(second, np.maximum(apply(norm1, linear(first, x)), 0)))
    expected = out / np.linalg.norm(out, axis=1, keepdims=True)
    np.testing.assert_allclose(array(head(torch.from_numpy(x))), expected, rtol=1e-9)
