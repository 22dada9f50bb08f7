"""Pooling, decoder and embedding, fragment by fragment and query by query.

Written from the formulas alone, in double precision.
"""

from __future__ import annotations

import math

import numpy as np
from slow_twins.samples import array
from torch import nn

from autoseg3d_core.modules.fragment_pooling import FragmentPooling
from autoseg3d_core.modules.query_decoder import QueryDecoder


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


def attend_with_bias(layer: nn.Module, queries: np.ndarray, keys: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Attention a query and a head at a time; `bias` is of heads x queries x keys, or of queries x keys."""
    q, k, v = linear(layer.query, queries), linear(layer.key, keys), linear(layer.value, keys)
    share, rows = q.shape[1] // layer.heads, []
    bias = np.broadcast_to(bias, (layer.heads, len(q), len(k)))
    for i in range(len(q)):
        heads = []
        for h in range(layer.heads):
            part = slice(h * share, (h + 1) * share)
            e = np.exp([q[i, part] @ k[j, part] / math.sqrt(share) + bias[h, i, j] for j in range(len(k))])
            heads.append(e / e.sum() @ v[:, part])
        rows.append(np.concatenate(heads))
    return linear(layer.out, np.array(rows))


def feedforward(layer: nn.Module, x: np.ndarray) -> np.ndarray:
    wide = linear(layer.expand, x)
    gelu = wide * 0.5 * (1 + np.vectorize(math.erf)(wide / math.sqrt(2)))
    return layer_norm(layer.norm, x + linear(layer.contract, gelu))


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
        q = feedforward(layer.feedforward, q)
    raise AssertionError("unreachable")


def reference_embed(head: nn.Module, x: np.ndarray) -> np.ndarray:
    first, norm1, _, second, norm2 = head.layers
    apply = layer_norm if isinstance(norm1, nn.LayerNorm) else batch_norm
    out = apply(norm2, linear(second, np.maximum(apply(norm1, linear(first, x)), 0)))
    return out / np.linalg.norm(out, axis=1, keepdims=True)
