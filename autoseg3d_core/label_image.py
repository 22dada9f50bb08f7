"""The track id of every pixel, from the ids of the points that were drawn of a frame."""

from __future__ import annotations

import math

import cv2
import numpy as np
from jaxtyping import Bool, Int32, Int64

SPLIT_SHARE = 0.1
"""A mask of which so many points are another's is painted point by point; fewer are speckle."""
NEAR_PX = 10.0
"""A point speaks for the pixels of its mask that are no farther from it."""
REACH = math.ceil(NEAR_PX) + 1
"""How far that is at most along rows and columns; distances are known to two percent."""


def paint_labels(
    masks: Int32[np.ndarray, "height width"],
    mask_ids: Int64[np.ndarray, " masks"],
    pixel: Int64[np.ndarray, " points"],
    point_ids: Int64[np.ndarray, " points"],
) -> Int32[np.ndarray, "height width"]:
    """Return the id of each pixel's mask; on split masks and on none, that of the nearest point there.

    The image has the borders of the masks. A network may split a mask in two, or see an instance where no
    mask is: there the border runs midway between points, and far from any point a pixel has the id of its
    mask, or none.
    """
    paint = np.append(mask_ids, 0).astype(np.int32)  # mask -1 reads the last entry
    labels: Int32[np.ndarray, "height width"] = paint[masks]
    place = masks.ravel()[pixel]
    strange = paint[place] != point_ids
    count = np.bincount(place[strange] + 1, minlength=len(paint))
    size = np.bincount(place + 1, minlength=len(paint))
    split = count > SPLIT_SHARE * size
    split[0] = True  # no mask is no one thing
    speaks = split[place + 1]
    strange &= speaks
    if strange.any():
        _let_speak(labels, masks, pixel[speaks], point_ids[speaks], strange[speaks])
    return labels


def _let_speak(
    labels: Int32[np.ndarray, "height width"],
    masks: Int32[np.ndarray, "height width"],
    pixel: Int64[np.ndarray, " points"],
    ids: Int64[np.ndarray, " points"],
    strange: Bool[np.ndarray, " points"],
) -> None:
    """Write the id of the nearest point to the pixels that are near it and on its mask.

    Only a strange point changes what is there, so nothing is looked at but what is near one.
    """
    places = np.zeros(masks.shape, np.uint8)
    places.ravel()[pixel[strange]] = 1
    window = np.ones((2 * REACH + 1, 2 * REACH + 1), np.uint8)
    near_strange = cv2.dilate(places, window).astype(bool)
    box = _extent(near_strange, 0), _extent(near_strange, 1)
    empty = np.ones(masks.shape, np.uint8)
    empty.ravel()[pixel] = 0
    away, number = cv2.distanceTransformWithLabels(
        np.ascontiguousarray(empty[box]), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    here = np.flatnonzero(near_strange[box] & (away <= NEAR_PX))
    inside = np.zeros(masks.shape, np.int32)
    inside[box] = number
    of_number = np.zeros(len(pixel) + 1, np.int64)
    of_number[inside.ravel()[pixel]] = np.arange(len(pixel))  # those outside the box are number 0
    point = of_number[number.ravel()[here]]
    row, column = np.divmod(here, number.shape[1])
    here = (row + box[0].start) * masks.shape[1] + column + box[1].start
    same = masks.ravel()[here] == masks.ravel()[pixel][point]
    labels.ravel()[here[same]] = ids[point[same]]


def _extent(held: np.ndarray, axis: int) -> slice:
    """Return where along an axis anything is held, and as far beyond as a point reaches."""
    places = np.flatnonzero(held.any(axis=1 - axis))
    return slice(max(int(places[0]) - REACH, 0), min(int(places[-1]) + REACH + 1, held.shape[axis]))
