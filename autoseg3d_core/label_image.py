"""The track id of every pixel, from the ids of the points that were drawn of a frame."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Int32, Int64

SPLIT_SHARE = 0.1
"""A mask of which so many points are another's is painted point by point; fewer are speckle."""
NEAR_PX = 10.0
"""A point speaks for the pixels of its mask that are no farther from it."""


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
    place = masks.ravel()[pixel]
    agrees = paint[place] == point_ids
    if agrees.all():
        return paint[masks]
    strange = np.bincount(place[~agrees] + 1, minlength=len(paint))
    size = np.bincount(place + 1, minlength=len(paint))
    split = strange > SPLIT_SHARE * size
    split[0] = True  # no mask is no one thing
    spoken = split[masks + 1]
    speaks = spoken.ravel()[pixel]
    return np.where(spoken, _nearest(masks, paint, pixel[speaks], point_ids[speaks]), paint[masks])


def _nearest(
    masks: np.ndarray, paint: np.ndarray, pixel: np.ndarray, ids: np.ndarray
) -> Int32[np.ndarray, "height width"]:
    """Return the id of the nearest point where that is near and on the same mask, elsewhere the mask's."""
    if len(pixel) == 0:
        return paint[masks]
    empty = np.ones(masks.shape, np.uint8)
    empty.ravel()[pixel] = 0
    away, number = cv2.distanceTransformWithLabels(
        empty, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    of_number = np.zeros(len(pixel) + 1, np.int64)
    of_number[number.ravel()[pixel]] = np.arange(len(pixel))
    point = of_number[number]
    same = (masks.ravel()[pixel][point] == masks) & (away <= NEAR_PX)
    return np.where(same, ids[point], paint[masks]).astype(np.int32)
