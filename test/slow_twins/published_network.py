"""The published network by its published names: every tensor is taken from where the tables say it lies.

Written from the formulas and the tables of names alone, in double precision, with nothing of the package.
A voxel is three whole numbers, at every stride in units of that stride.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Array = np.ndarray
Cell = tuple[int, ...]
MEAN = 255 * np.array([0.47793126, 0.43032575, 0.37495989])
SPREAD = 255 * np.array([0.28344755, 0.27566158, 0.27018971])
EPSILON = 1e-5


def relu(x: Array) -> Array:
    return np.maximum(x, 0)


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def gelu(x: Array) -> Array:
    return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def parent(cell: Cell) -> Cell:
    return tuple(c >> 1 for c in cell)


def corner(cell: Cell) -> int:
    """The row of a kernel of 2x2x2 that a voxel meets in its parent: x counts fastest."""
    return (cell[0] & 1) + 2 * (cell[1] & 1) + 4 * (cell[2] & 1)


def offset(row: int, size: int, dilation: int) -> Cell:
    """How far a row of a kernel of odd size looks: x counts fastest."""
    return tuple((row // size**axis % size - size // 2) * dilation for axis in range(3))


def convolve(
    cells: Sequence[Cell], x: Array, kernel: Array, size: int, dilation: int, at: Sequence[Cell]
) -> Array:
    """Sum, for each voxel of `at`, over the voxels around it that are there."""
    rows = {cell: row for row, cell in enumerate(cells)}
    out = np.zeros((len(at), kernel.shape[2]))
    for k in range(size**3):
        shift = offset(k, size, dilation)
        seen = [rows.get(tuple(np.add(cell, shift).tolist()), -1) for cell in at]
        pairs = [(u, row) for u, row in enumerate(seen) if row >= 0]
        if pairs:
            here, there = np.array(pairs).T
            out[here] += x[there] @ kernel[k]
    return out


@dataclass(frozen=True)
class View:
    """A feature map (channels, rows, columns) over a camera's whole image, and the camera's pose."""

    image: Array
    focal: tuple[float, float]
    center: tuple[float, float]
    size: tuple[int, int]
    camera_from_world: Array

    def at(self, point: Array) -> Array:
        """What lies at a point's pixel, between the four nearest values; zeros outside.

        The map's last row and column lie at pixel `height` and `width` (published).
        """
        x, y, z = self.camera_from_world[:3, :3] @ point + self.camera_from_world[:3, 3]
        channels, rows, columns = self.image.shape
        column = (self.focal[0] * x / z + self.center[0]) * (columns - 1) / self.size[0]
        row = (self.focal[1] * y / z + self.center[1]) * (rows - 1) / self.size[1]
        total = np.zeros(channels)
        for r in (math.floor(row), math.floor(row) + 1):
            for c in (math.floor(column), math.floor(column) + 1):
                if 0 <= r < rows and 0 <= c < columns:
                    total += self.image[:, r, c] * (1 - abs(row - r)) * (1 - abs(column - c))
        return total


class PublishedNetwork:
    """A state dict with published names, run over the frames of one scene."""

    def __init__(self, state: Mapping[str, Array]) -> None:
        self.state = {name: np.asarray(value, dtype=np.float64) for name, value in state.items()}
        self.remembered: list[dict[Cell, Array] | None] = [None] * 4

    def batch_norm(self, x: Array, name: str) -> Array:
        mean, variance, w, b = (
            self.state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / np.sqrt(variance + EPSILON) * w + b

    def layer_norm(self, x: Array, name: str) -> Array:
        spread = np.sqrt(x.var(-1, keepdims=True) + EPSILON)
        return (x - x.mean(-1, keepdims=True)) / spread * self.state[f"{name}.weight"] + self.state[
            f"{name}.bias"
        ]

    def linear(self, x: Array, name: str) -> Array:
        return x @ self.state[f"{name}.weight"].T + self.state.get(f"{name}.bias", 0)

    def two_layers(self, x: Array, name: str) -> Array:
        return self.linear(relu(self.linear(x, f"{name}.0")), f"{name}.2")

    def voxel_features(self, cells: list[Cell], x: Array, view: View | None) -> Array:
        """The U-Net, what the camera saw after its stem, and the memory between its halves."""
        kernel = self.state["backbone.conv0p1s1.kernel"]
        x = relu(self.batch_norm(convolve(cells, x, kernel, 5, 1, cells), "backbone.bn0.bn"))
        if view is not None:
            seen = np.stack([view.at(0.02 * np.array(cell)) for cell in cells])
            x = x + relu(self.batch_norm(seen @ self.state["conv.0.kernel"], "conv.1.bn"))
        levels = [(cells, x)]
        for i in range(4):
            levels.append(self.down(*levels[-1], i))
        levels[1:] = [(c, self.adapt(c, y, i)) for i, (c, y) in enumerate(levels[1:])]
        x = levels[4][1]
        for i in range(4):
            x = self.up(levels[4 - i][0], x, *levels[3 - i], i)
        return x

    def down(self, fine: list[Cell], x: Array, i: int) -> tuple[list[Cell], Array]:
        coarse = sorted({parent(cell) for cell in fine})
        rows = {cell: row for row, cell in enumerate(coarse)}
        kernel = self.state[f"backbone.conv{i + 1}p{2**i}s2.kernel"]
        out = np.zeros((len(coarse), kernel.shape[2]))
        for row, cell in enumerate(fine):
            out[rows[parent(cell)]] += x[row] @ kernel[corner(cell)]
        out = relu(self.batch_norm(out, f"backbone.bn{i + 1}.bn"))
        return coarse, self.stage(coarse, out, f"backbone.block{i + 1}")

    def up(self, coarse: list[Cell], x: Array, fine: list[Cell], skip: Array, i: int) -> Array:
        rows = {cell: row for row, cell in enumerate(coarse)}
        kernel = self.state[f"backbone.convtr{i + 4}p{16 >> i}s2.kernel"]
        out = np.array([x[rows[parent(cell)]] @ kernel[corner(cell)] for cell in fine])
        out = np.concatenate([relu(self.batch_norm(out, f"backbone.bntr{i + 4}.bn")), skip], axis=1)
        return self.stage(fine, out, f"backbone.block{i + 5}")

    def stage(self, cells: list[Cell], x: Array, name: str) -> Array:
        block = 0
        while f"{name}.{block}.conv1.kernel" in self.state:
            x = self.block(cells, x, f"{name}.{block}")
            block += 1
        return x

    def block(self, cells: list[Cell], x: Array, name: str) -> Array:
        first = convolve(cells, x, self.state[f"{name}.conv1.kernel"], 3, 1, cells)
        first = relu(self.batch_norm(first, f"{name}.norm1.bn"))
        second = convolve(cells, first, self.state[f"{name}.conv2.kernel"], 3, 1, cells)
        past = x
        if f"{name}.downsample.0.kernel" in self.state:
            past = self.batch_norm(x @ self.state[f"{name}.downsample.0.kernel"], f"{name}.downsample.1.bn")
        return relu(self.batch_norm(second, f"{name}.norm2.bn") + past)

    def adapt(self, cells: list[Cell], x: Array, i: int) -> Array:
        """The memory's level: what was seen before, about what is seen now."""
        known = self.remembered[i]
        around = dict(zip(cells, x, strict=True))
        if known is not None:
            for cell, row in around.items():
                known[cell] = np.maximum(known[cell], row) if cell in known else row
            low, high = np.min(cells, axis=0), np.max(cells, axis=0)
            margin = 0.75 * (high - low)
            around = {
                cell: row
                for cell, row in known.items()
                if (low - margin <= cell).all() and (cell <= high + margin).all()
            }
        z = np.array(list(around.values()))
        parts = []
        for name, dilation in (("conv_d1", 1), ("conv_d3", 3)):
            kernel = self.state[f"memory.{name}.{i}.0.kernel"]
            part = convolve(list(around), z, kernel, 3, dilation, cells)
            parts.append(relu(self.batch_norm(part, f"memory.{name}.{i}.1.bn")))
        parts.append(np.tile(z.mean(0), (len(cells), 1)))
        mixed = np.concatenate(parts, axis=1) @ self.state[f"memory.conv_convert.{i}.0.kernel"]
        out = relu(x + self.batch_norm(mixed, f"memory.conv_convert.{i}.1.bn"))
        if known is None:
            self.remembered[i] = dict(zip(cells, out, strict=True))
        return out

    def pool(self, x: Array, xyz: Array, fragment: Array) -> tuple[Array, Array, Array]:
        """The fragments' vectors and centres, and how much each point counted."""
        weights, vectors, centers = np.zeros(len(xyz)), [], []
        for s in range(int(fragment.max()) + 1):
            on = np.flatnonzero(fragment == s)
            p = xyz[on]
            local = (p - p.mean(0)) / ((p.max(0) - p.min(0)).max() + 0.01)
            h = relu(self.layer_norm(self.linear(local, "pool.pts_proj1.0"), "pool.pts_proj1.1"))
            h = self.layer_norm(self.linear(h, "pool.pts_proj1.3"), "pool.pts_proj1.4")
            g = h.max(0)
            both = np.concatenate([h, np.tile(g, (len(on), 1))], axis=1)
            u = relu(self.layer_norm(self.linear(both, "pool.pts_proj2.0"), "pool.pts_proj2.1"))
            weights[on] = 2 * sigmoid(self.linear(u, "pool.pts_proj2.3")[:, 0])
            vectors.append((weights[on, None] * x[on]).mean(0) + g)
            centers.append(p.mean(0))
        return np.array(vectors), np.array(centers), weights

    def attend(self, q: Array, kv: Array, name: str, hidden: Array | None) -> Array:
        """Attention with 8 heads of 32 channels; query, key and value lie in one matrix, in this order."""
        w, b = self.state[f"{name}.in_proj_weight"], self.state[f"{name}.in_proj_bias"]
        query, key, value = (
            rows @ w[i : i + 256].T + b[i : i + 256] for i, rows in ((0, q), (256, kv), (512, kv))
        )
        heads = []
        for h in range(8):
            part = slice(32 * h, 32 * h + 32)
            logits = query[:, part] @ key[:, part].T / math.sqrt(32)
            if hidden is not None:
                logits = np.where(hidden, -np.inf, logits)
            e = np.exp(logits - logits.max(1, keepdims=True))
            heads.append(e / e.sum(1, keepdims=True) @ value[:, part])
        return self.linear(np.concatenate(heads, axis=1), f"{name}.out_proj")

    def layer(self, q: Array, keys: Array, hidden: Array, i: int) -> Array:
        cross, among, ffn = (f"decoder.{part}_layers.{i}" for part in ("cross_attn", "self_attn", "ffn"))
        q = self.layer_norm(q + self.attend(q, keys, f"{cross}.attn", hidden), f"{cross}.norm")
        q = self.layer_norm(q + self.attend(q, q, f"{among}.attn", None), f"{among}.norm")
        return self.layer_norm(
            q + self.linear(gelu(self.linear(q, f"{ffn}.net.0")), f"{ffn}.net.3"), f"{ffn}.norm"
        )

    def head(self, q: Array, masks: Array, centers: Array) -> dict[str, Array]:
        n = self.layer_norm(q, "decoder.out_norm")
        raw = self.two_layers(n, "decoder.out_reg")
        center, size = centers + raw[:, :3], np.exp(raw[:, 3:])
        return {
            "queries": n,
            "class_logits": self.two_layers(n, "decoder.out_cls"),
            "mask_logits": n @ masks.T,
            "boxes": np.concatenate([center - size / 2, center + size / 2], axis=1),
        }

    def embed(self, queries: Array) -> Array:
        """Unit vectors; the norms are of batches where there are running statistics."""
        norm = self.batch_norm if "merge_head.net.1.running_mean" in self.state else self.layer_norm
        inner = relu(norm(self.linear(queries, "merge_head.net.0"), "merge_head.net.1"))
        out = norm(self.linear(inner, "merge_head.net.3"), "merge_head.net.4")
        return out / np.linalg.norm(out, axis=1, keepdims=True)

    def frame(
        self, xyz: Array, rgb: Array, fragment: Array, view: View | None = None
    ) -> list[dict[str, Array]]:
        """What the four heads say of a frame; the last one of semantics and embeddings, too."""
        point_cells = [tuple(math.floor(c / 0.02) for c in point) for point in xyz.tolist()]
        cells = sorted(set(point_cells))
        rows = np.array([cells.index(cell) for cell in point_cells])
        colour = (255 * rgb - MEAN) / SPREAD
        x = np.array([colour[rows == row].mean(0) for row in range(len(cells))])
        x = self.voxel_features(cells, x, view)[rows]
        vectors, centers, weights = self.pool(x, xyz, fragment)
        keys = relu(self.layer_norm(self.linear(vectors, "decoder.input_proj.0"), "decoder.input_proj.1"))
        on_fragments = self.two_layers(vectors, "decoder.x_mask")
        on_points = self.two_layers(np.concatenate([xyz, x], axis=1), "decoder.x_pts_mask")
        q = self.two_layers(vectors, "decoder.query_proj")
        heads = []
        for i in range(3):
            heads.append(self.head(q, on_fragments if i < 2 else on_points, centers))
            off = sigmoid(heads[i]["mask_logits"]) < 0.5
            hidden = fully_seen(off) if i < 2 else hidden_fragments(off * weights, fragment)
            q = self.layer(q, keys, hidden, i)
        last = self.head(q, on_points, centers)
        last["semantics"] = self.linear(last["queries"], "decoder.out_sem")
        last["embeddings"] = self.embed(last["queries"])
        return [*heads, last]


def fully_seen(off: Array) -> Array:
    """A query that would see nothing sees everything."""
    return off & ~off.all(1, keepdims=True)


def hidden_fragments(off: Array, fragment: Array) -> Array:
    """From points to fragments: more than half of the weights off, and never the least of a query's."""
    score = np.stack([off[:, fragment == s].mean(1) for s in range(int(fragment.max()) + 1)], axis=1)
    return (score > 0.5) & (score != score.min(1, keepdims=True))
