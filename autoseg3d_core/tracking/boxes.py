"""The boxes of tracks, axis-aligned and turned with the object, measured in slices of their firm voxels.

Which way an object stands is where its slices are most uneven: the face of a box falls into one slice where
the slices lie along it, and into many where they lie across. The sum of squared counts over two level
directions at a right angle says so; its inverse, the number of slices that are well filled, grows with the
angle to a face, and so the best direction and its two neighbours give the angle between them. How far the
object reaches at that angle follows from the directions beside it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from scipy.spatial.transform import Rotation
from torch import Tensor
from torch.nn import functional

from autoseg3d_core.structures import EXTENT_BINS, MapChange, Rows, Tracks
from autoseg3d_core.tracking.extent import LEVEL, STEP, Ruler

TAIL = 0.006
"""Share of a track's firm voxels that may lie outside its box at each end of each direction."""

APART = 0.2
"""Up to such a share lies outside at either end of a level direction where an empty slice sets it apart."""

WIDEST = EXTENT_BINS - 8
"""A track that fills more slices than this may go round the ruler: its reach is all that is known of it."""

LEAST_FIRM = 0.1
"""With a smaller share of firm voxels a track's reach is its box."""

QUARTER = LEVEL // 2
"""Level directions in a quarter turn."""


@dataclass(frozen=True, eq=False)
class _Slices(Rows):
    """What the slices say of each track: counts from the first on, and where they begin and end.

    `at` is where its centroid lies. All three are numbers of slices; the tails are left out.
    """

    counts: Float[Tensor, "tracks directions bins"]
    at: Float[Tensor, "tracks directions"]
    low: Int64[Tensor, "tracks directions"]
    high: Int64[Tensor, "tracks directions"]
    known: Bool[Tensor, "tracks directions"]


@dataclass(frozen=True, eq=False)
class _Level(Rows):
    """A level rectangle, turned by an angle: its middle, from the centroid, and its sides, in slices."""

    middle: Float[Tensor, "tracks 2"]
    sides: Float[Tensor, "tracks 2"]
    angle: Float[Tensor, " tracks"]


def measure_boxes(tracks: Tracks, change: MapChange, ruler: Ruler) -> Tracks:
    """Return the tracks with their boxes measured anew where the frame or the map has changed something."""
    touched = (tracks.misses == 0) | torch.isin(tracks.ids, change.ids)
    row = touched.nonzero()[:, 0]
    boxes, oriented = read_boxes(tracks[row], ruler)
    return dataclasses.replace(
        tracks,
        boxes=tracks.boxes.index_copy(0, row, boxes),
        oriented_boxes=tracks.oriented_boxes.index_copy(0, row, oriented),
    )


def read_boxes(tracks: Tracks, ruler: Ruler) -> tuple[Float[Tensor, "tracks 6"], Float[Tensor, "tracks 10"]]:
    """Return the axis-aligned and the oriented box of each track's firm voxels without their outermost.

    Where these are not known a track has the box of its reach, and it is not turned; nor is it where turning
    makes no smaller box.
    """
    slices = _read_slices(tracks, ruler)
    boxes = _aligned(slices, tracks.world_reach, ruler)
    size = ruler.voxel_size_m
    centroid, (a, b, vertical) = tracks.centroids.double(), ruler.axes
    low, high = boxes[:, :3].double(), boxes[:, 3:].double()
    straight = _Level(
        ((low + high) / 2 - centroid)[:, [a, b]] / size,
        (high - low)[:, [a, b]] / size,
        torch.zeros_like(slices.at[:, 0]),
    )
    turned = _turned(slices)
    better = slices.known.all(dim=1) & (turned.sides.prod(dim=1) < straight.sides.prod(dim=1))
    level = straight.combine(
        turned, lambda old, new: torch.where(better.view(-1, *[1] * (old.dim() - 1)), new, old)
    )
    upright = torch.stack([(low + high)[:, vertical] / 2, (high - low)[:, vertical]], dim=1)
    return boxes, _oriented(_longer_first(level), upright, centroid, ruler).float()


def _read_slices(tracks: Tracks, ruler: Ruler) -> _Slices:
    """Lay the ruler out around each track's centroid."""
    directions = torch.from_numpy(ruler.directions()).to(tracks.centroids.device)
    at = tracks.centroids.double() @ directions.T / ruler.voxel_size_m
    first = torch.floor(at).long() - EXTENT_BINS // 2
    bins = torch.arange(EXTENT_BINS, device=first.device)
    counts = tracks.extent.gather(2, (first[:, :, None] + bins) & (EXTENT_BINS - 1)).float()
    low, high = first + _left_out(counts), first + EXTENT_BINS - _left_out(counts.flip(2))
    firm = counts[:, 0].sum(dim=1, keepdim=True) >= (LEAST_FIRM * tracks.voxels[:, None]).clamp(min=1)
    return _Slices(counts, at, low, high, firm & (high - low <= WIDEST))


def _left_out(counts: Float[Tensor, "tracks directions bins"]) -> Int64[Tensor, "tracks directions"]:
    """Return how many slices at the lower end are left out: few voxels of all, or some that lie apart.

    An object is in one piece, so what an empty slice sets apart is a stray part of something else. Not along
    the vertical: where the middle of a thing is hidden, its feet are all there is of its lower half.
    """
    upto = counts.cumsum(dim=2)
    total, before = upto[:, :, -1:], upto - counts
    tail = (upto <= TAIL * total).sum(dim=2)
    after_gap = functional.pad(counts, (1, 0))[:, :, :-1] == 0
    bins = torch.arange(counts.shape[2], device=counts.device)
    apart = torch.where(after_gap & (before <= APART * total), bins, 0).amax(dim=2)
    apart[:, LEVEL] = 0
    return torch.maximum(tail, apart)


def _aligned(slices: _Slices, reach: Tensor, ruler: Ruler) -> Float[Tensor, "tracks 6"]:
    """Return axis-aligned boxes; the reach along each axis where the slices do not know it."""
    rows = [0, 0, 0]
    for axis, direction in zip(ruler.axes, (0, QUARTER, LEVEL), strict=True):
        rows[axis] = direction
    box = torch.cat([slices.low[:, rows], slices.high[:, rows]], dim=1) * ruler.voxel_size_m
    return torch.where(slices.known[:, rows].repeat(1, 2), box, reach)


def _turned(slices: _Slices) -> _Level:
    """Return the rectangle around each track at the angle at which its slices are most uneven.

    A slanting face fills voxels whose middles lie up to (|cos| + |sin|) / 2 beyond it, and ends somewhere in
    the outermost slice: so much is taken off, but for a quarter of a slice at each end.
    """
    turn = _most_uneven(slices.counts[:, :LEVEL])
    ahead, behind = slices.high - slices.at, slices.at - slices.low
    around = torch.cat([ahead[:, :LEVEL], behind[:, :LEVEL]], dim=1)
    quarters = QUARTER * torch.arange(4, device=turn.device)
    ahead, left, behind, right = interpolate_reach(around, turn[:, None] + quarters).unbind(dim=1)
    angle = turn * STEP
    beyond = (angle.cos().abs() + angle.sin().abs() - 0.5)[:, None]
    sides = (torch.stack([ahead + behind, left + right], dim=1) - beyond).clamp(min=1)
    along, across = (ahead - behind) / 2, (left - right) / 2
    middle = torch.stack(
        [along * angle.cos() - across * angle.sin(), along * angle.sin() + across * angle.cos()], dim=1
    )
    return _Level(middle, sides, angle)


def _most_uneven(counts: Float[Tensor, "tracks level bins"]) -> Float[Tensor, " tracks"]:
    """Return the angle, in steps, at which slices along it and across it are most uneven."""
    squares = counts.double().square().sum(dim=2)
    uneven = squares[:, :QUARTER] + squares[:, QUARTER:]
    best = uneven.argmax(dim=1, keepdim=True)
    near = (best + torch.arange(-1, 2, device=best.device)) % QUARTER  # a quarter turn on, all is the same
    before, least, after = (1 / uneven.clamp(min=1).gather(1, near)).unbind(dim=1)
    rise = torch.maximum(before, after) - least
    return best[:, 0] + torch.where(rise > 0, (before - after) / (2 * rise), 0.0)


def interpolate_reach(
    around: Float[Tensor, "tracks directions"], at: Float[Tensor, "tracks angles"]
) -> Float[Tensor, "tracks angles"]:
    """Return how far each track reaches at angles in steps; `around` says it at every whole step.

    Between two directions the outline ends at the corner on which those before them rest, or at the one on
    which those after them do, and nowhere beyond the corner that both together leave open.
    """
    whole = torch.floor(at)
    past = (at - whole) * STEP
    left = STEP - past
    index = (whole.long()[..., None] + torch.arange(-1, 3, device=at.device)) % around.shape[1]
    before, here, after, later = around[:, None].expand(-1, at.shape[1], -1).gather(2, index).unbind(dim=2)
    from_before = here * (past + STEP).sin() - before * past.sin()
    from_after = after * (left + STEP).sin() - later * left.sin()
    outermost = here * left.sin() + after * past.sin()
    return torch.minimum(torch.maximum(from_before, from_after), outermost) / np.sin(STEP)


def _longer_first(level: _Level) -> _Level:
    """Return the rectangles turned so that their first side is the longer one, by -90 to 90 degrees."""
    swap = level.sides[:, 1] > level.sides[:, 0]
    sides = torch.where(swap[:, None], level.sides.flip(1), level.sides)
    angle = level.angle + torch.where(swap, np.pi / 2, 0.0)
    return _Level(level.middle, sides, torch.where(angle > np.pi / 2, angle - np.pi, angle))


def _oriented(level: _Level, upright: Tensor, centroid: Tensor, ruler: Ruler) -> Float[Tensor, "tracks 10"]:
    """Return rectangles as oriented boxes in the world; `upright` has their middle and height in metres."""
    a, b, vertical = ruler.axes
    center = centroid.clone()
    center[:, [a, b]] += level.middle * ruler.voxel_size_m
    center[:, vertical] = upright[:, 0]
    size = torch.cat([level.sides * ruler.voxel_size_m, upright[:, 1:]], dim=1)
    return torch.cat([center, size, _rotations(level.angle, ruler)], dim=1)


def _rotations(angle: Float[Tensor, " tracks"], ruler: Ruler) -> Float[Tensor, "tracks 4"]:
    """Return the quaternions (x, y, z, w) of boxes whose third axis is up and whose first is turned."""
    columns = np.eye(3)[list(ruler.axes)].T
    columns[:, 1:] *= ruler.up  # still right-handed
    base = torch.from_numpy(Rotation.from_matrix(columns).as_quat()).to(angle.device)
    sine, cosine = (ruler.up * angle / 2).sin()[:, None], (angle / 2).cos()[:, None]
    x, y, z, w = base
    beside = torch.stack([y, -x, w, -z])
    return cosine * base + sine * beside
