"""Triton kernels of the sparse layers: implicit products, which lay no neighbours out in memory.

A kernel walks over the elements of a convolution's kernel, reads the rows that the map names, and adds up in
single precision whatever the precision of the features. An element that no row of a block meets is skipped.
"""

from __future__ import annotations

import triton
import triton.language as tl
from jaxtyping import Float, Int32
from torch import Tensor

ROWS, COLUMNS, CHANNELS = 64, 32, 32
"""The block of the result that one program makes, and how many channels it reads at once."""


def multiply_neighbours(
    features: Float[Tensor, "sources inputs"],
    weight: Float[Tensor, "volume inputs outputs"],
    table: Int32[Tensor, "volume targets"],
) -> Float[Tensor, "targets outputs"]:
    """Return the sum over kernel elements of the row that each target meets times the element's matrix."""
    volume, inputs, outputs = weight.shape
    targets = table.shape[1]
    result = features.new_empty(targets, outputs)
    if result.numel():
        grid = (triton.cdiv(targets, ROWS), triton.cdiv(outputs, COLUMNS))
        _multiply_neighbours[grid](
            features.contiguous(), weight.contiguous(), table, result, targets, inputs, outputs,
            volume, rows=ROWS, columns=COLUMNS, channels=CHANNELS,
        )  # fmt: skip
    return result


def multiply_gradients(
    features: Float[Tensor, "sources inputs"],
    gradient: Float[Tensor, "targets outputs"],
    table: Int32[Tensor, "volume targets"],
) -> Float[Tensor, "volume inputs outputs"]:
    """Return the weight's gradient: per kernel element the rows met, transposed, times the gradients."""
    inputs, outputs = features.shape[1], gradient.shape[1]
    volume, targets = table.shape
    result = features.new_empty(volume, inputs, outputs)
    if result.numel():
        grid = (volume, triton.cdiv(inputs, CHANNELS), triton.cdiv(outputs, COLUMNS))
        _multiply_gradients[grid](
            features.contiguous(), gradient.contiguous(), table, result, targets, inputs, outputs,
            rows=ROWS, columns=COLUMNS, channels=CHANNELS,
        )  # fmt: skip
    return result


@triton.jit
def _multiply_neighbours(
    features, weight, table, result, targets, inputs, outputs,
    volume: tl.constexpr, rows: tl.constexpr, columns: tl.constexpr, channels: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0) * rows + tl.arange(0, rows)
    column = tl.program_id(1) * columns + tl.arange(0, columns)
    total = tl.zeros((rows, columns), dtype=tl.float32)
    for element in range(volume):
        source = tl.load(table + element * targets + row, mask=row < targets, other=-1)
        if tl.max(source, axis=0) >= 0:
            for first in range(0, inputs, channels):
                channel = first + tl.arange(0, channels)
                met = (source >= 0)[:, None] & (channel < inputs)[None, :]
                known = (channel < inputs)[:, None] & (column < outputs)[None, :]
                left = tl.load(features + source[:, None] * inputs + channel[None, :], mask=met, other=0.0)
                at = (element * inputs + channel)[:, None] * outputs + column[None, :]
                right = tl.load(weight + at, mask=known, other=0.0)
                total += tl.dot(left, right, input_precision="ieee")
    inside = (row < targets)[:, None] & (column < outputs)[None, :]
    made = total.to(result.dtype.element_ty)
    tl.store(result + row[:, None] * outputs + column[None, :], made, mask=inside)


@triton.jit
def _multiply_gradients(
    features, gradient, table, result, targets, inputs, outputs,
    rows: tl.constexpr, columns: tl.constexpr, channels: tl.constexpr,
):  # fmt: skip
    element = tl.program_id(0)
    channel = tl.program_id(1) * channels + tl.arange(0, channels)
    column = tl.program_id(2) * columns + tl.arange(0, columns)
    total = tl.zeros((channels, columns), dtype=tl.float32)
    for first in range(0, targets, rows):
        row = first + tl.arange(0, rows)
        source = tl.load(table + element * targets + row, mask=row < targets, other=-1)
        if tl.max(source, axis=0) >= 0:
            met = (channel < inputs)[:, None] & (source >= 0)[None, :]
            left = tl.load(features + source[None, :] * inputs + channel[:, None], mask=met, other=0.0)
            known = (source >= 0)[:, None] & (column < outputs)[None, :]
            right = tl.load(gradient + row[:, None] * outputs + column[None, :], mask=known, other=0.0)
            total += tl.dot(left, right, input_precision="ieee")
    inside = (channel < inputs)[:, None] & (column < outputs)[None, :]
    at = (element * inputs + channel)[:, None] * outputs + column[None, :]
    tl.store(result + at, total.to(result.dtype.element_ty), mask=inside)
