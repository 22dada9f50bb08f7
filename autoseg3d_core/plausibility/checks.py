"""What looks wrong with a recording's first frames, how sure that is, and the option that mends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from autoseg3d_core.datasets.sequence import RgbdSequence
from autoseg3d_core.geometry.transforms import inverse_rigid
from autoseg3d_core.plausibility.agreement import AS_IT_IS, OTHERS, Hypothesis, agreement, small
from autoseg3d_core.plausibility.image_motion import motion_fit
from autoseg3d_core.plausibility.registration import WIDTH, edge_fit
from autoseg3d_core.plausibility.remedies import Remedies
from autoseg3d_core.structures import CameraIntrinsics, Frame, InputError

SAMPLED, SPAN, LONGEST_SPAN = 8, 22, 176
"""How many frames are looked at, and among how many of the first they are spread: more of a slow camera."""
ENOUGH_MOTION = 0.05
"""How far a slow camera's view has to move between them, as a share of the focal length: about 3 degrees."""
NEAREST_M, FARTHEST_M = 0.1, 30.0
"""Depth of which half of a room's readings are not nearer or farther."""
LEAST_READINGS = 0.03
AGREES, GAIN, REST = 0.75, 0.07, 0.5
"""Agreement that a right recording reaches, what another reading of it has to gain, and the share of the
disagreement that it may leave."""
LONG_STEP_M = 5.0
FOCAL_OFF, MOTION_PAIRS, MOTION_AGREEING = 0.06, 3, 0.75
"""Logarithm of a focal length's error that is told; pairs of frames that show it, share that agrees."""
MOTION_PX, MOTION_REST, DEPTH_FITS = 2.5, 0.65, 0.85
"""How far features may then still be off (pixels of 320 columns), share of the error that may stay, and how
much better another scale of depth would have to fit to doubt the focal length's part."""
EDGES, EDGE_GAIN, OFF_PX = 3500, 1.15, 12.0
"""Edges that are enough to tell, how much stronger they have to be elsewhere, and how far off."""
BLUE, BLUE_TO_WARM = 0.1, 8.0
"""Share of the pixels that is blue, and how many times that of warm ones, where colours are swapped."""
WARM_HUES, BLUE_HUES = (3, 27), (93, 117)
"""OpenCV's hue (half degrees): of wood, skin and lamps, and of the same with red and blue swapped."""
RED_HUES, PURE_BLUE_HUES = (-8, 3), (117, 128)
"""The same of red things: what is blue in a room, such as jeans or sky, is seldom as far from green."""


@dataclass(frozen=True)
class Suspicion:
    """One thing that looks wrong."""

    what: str
    sureness: str
    mend: str

    def __str__(self) -> str:
        return f"{self.what} ({self.sureness}); {self.mend}"


def first_frames(sequence: RgbdSequence) -> list[Frame]:
    """Return some of the first frames that can be read; raises the last `InputError` where none can.

    They are spread over more of the recording until the camera moves enough for neighbours to differ.
    """
    span = SPAN
    while True:
        frames = _spread(sequence, min(len(sequence), span))
        if span >= min(len(sequence), LONGEST_SPAN) or motion(frames) >= ENOUGH_MOTION:
            return frames
        span *= 2


def _spread(sequence: RgbdSequence, span: int) -> list[Frame]:
    frames, reason = [], None
    for index in np.unique(np.linspace(0, span - 1, SAMPLED).round().astype(int)).tolist():
        try:
            frames.append(sequence[index])
        except InputError as error:
            reason = error
    if not frames and reason is not None:
        raise reason
    return frames


def motion(frames: Sequence[Frame]) -> float:
    """Return the median of how far the view moves from frame to frame, as a share of the focal length."""
    moves = []
    for one, other in pairwise(frames):
        move = inverse_rigid(one.world_from_camera) @ other.world_from_camera
        turn = np.arccos(np.clip((np.trace(move[:3, :3]) - 1) / 2, -1, 1))
        known = one.depth[one.depth > 0]
        far_m = float(np.median(known)) if len(known) else np.inf
        moves.append(float(turn + np.linalg.norm(move[:3, 3]) / far_m))
    return float(np.median(moves)) if moves else 0.0


def suspicions(frames: Sequence[Frame], remedies: Remedies | None = None) -> list[Suspicion]:
    """Return what looks wrong, nothing where all looks right or cannot be told.

    The remedies are those of the command line, if no others are given.
    """
    remedies = remedies or Remedies()
    readings = [frame.depth[::4, ::4][frame.depth[::4, ::4] > 0] for frame in frames]
    filled = float(np.median([(frame.depth[::4, ::4] > 0).mean() for frame in frames]))
    if filled < LEAST_READINGS:
        what = f"depth has readings in {filled:.1%} of the pixels"
        return [Suspicion(what, "sure", remedies.no_depth())]
    depth_m = float(np.median(np.concatenate(readings)))
    found = [
        _of_units_and_axes(frames, depth_m, remedies) or _of_focal_length(frames, remedies),
        _of_colors(frames, remedies),
        _of_registration(frames, remedies),
    ]
    return [suspicion for suspicion in found if suspicion is not None]


def _of_units_and_axes(frames: Sequence[Frame], depth_m: float, remedies: Remedies) -> Suspicion | None:
    """Return which other reading lets neighbouring frames agree, or else which length no room has."""
    views = [small(frame) for frame in frames]
    now = agreement(views)
    share, best = max(((agreement(views, other), other) for other in OTHERS), key=lambda pair: pair[0])
    if share >= AGREES and share - now > GAIN and 1 - share < REST * (1 - now):
        sureness = f"neighbouring frames then agree to {share:.0%}, now to {now:.0%}"
        what, mend = _said(best, depth_m, frames[0].camera, remedies)
        return Suspicion(what, sureness, mend)
    if not NEAREST_M < depth_m < FARTHEST_M:
        side = "nearer" if depth_m < NEAREST_M else "farther"
        what = f"half of the depth readings are {side} than {depth_m:.3g} m"
        return Suspicion(what, "sure that the unit is wrong", remedies.depth_unit(depth_m))
    at = np.array([frame.world_from_camera[:3, 3] for frame in frames])
    step = float(np.median(np.linalg.norm(np.diff(at, axis=0), axis=1))) if len(at) > 1 else 0.0
    if step > LONG_STEP_M:
        what = f"the camera moves {step:.0f} m from one checked frame to the next"
        return Suspicion(what, "likely poses in millimetres", remedies.long_steps())
    return None


def _of_focal_length(frames: Sequence[Frame], remedies: Remedies) -> Suspicion | None:
    """Tell a focal length from how far the image's features move."""
    fit = motion_fit(frames)
    if fit is None or fit.pairs < MOTION_PAIRS or fit.agreeing < MOTION_AGREEING:
        return None
    is_better = fit.best < MOTION_PX and fit.best < MOTION_REST * fit.here
    if abs(np.log(fit.factor)) < FOCAL_OFF or not is_better or fit.by_depth < DEPTH_FITS * fit.best:
        return None
    return Suspicion(
        _focal_words(fit.factor),
        f"features of the image then lie {fit.best:.1f} pixels from where they should, now {fit.here:.1f}",
        remedies.focal_length(frames[0].camera, fit.factor),
    )


def _focal_words(factor: float) -> str:
    return f"the focal length looks {1 / factor:.2g} times the true one"


def _said(best: Hypothesis, depth_m: float, camera: CameraIntrinsics, remedies: Remedies) -> tuple[str, str]:
    """Return in words what is wrong where this hypothesis is right, and what mends it."""
    assert best != AS_IT_IS
    if best.focal_factor != 1:
        return _focal_words(best.focal_factor), remedies.focal_length(camera, best.focal_factor)
    if best.depth_factor == 1:
        convention = {
            (True, False): "world-to-camera",
            (False, True): "opengl",
            (True, True): "opengl-world-to-camera",
        }[best.is_inverted, best.is_opengl]
        return f"the poses look like {convention}", remedies.pose_convention(convention)
    k = best.depth_factor
    unit = {1000.0: "mm", 100.0: "cm"}.get(k)
    if unit and NEAREST_M < depth_m < FARTHEST_M:
        return f"the poses look like {unit}", remedies.pose_unit(unit)
    how = f"{1 / k:g} times too large" if k < 1 else f"{k:g} times too small"
    return f"depth looks {how}", remedies.depth_factor(k)


def _of_colors(frames: Sequence[Frame], remedies: Remedies) -> Suspicion | None:
    """Tell whether next to nothing has wood's colours, and much what they are with red and blue swapped."""
    pixels = np.concatenate(
        [cv2.cvtColor(frame.rgb[::4, ::4], cv2.COLOR_RGB2HSV).reshape(-1, 3) for frame in frames]
    )
    vivid = (pixels[:, 1] > 50) & (pixels[:, 2] > 40)
    hue = (pixels[:, 0].astype(int) + 8) % 180 - 8  # red in one piece
    warm, blue, red, pure_blue = (
        float((vivid & (hue > low) & (hue < high)).mean())
        for low, high in (WARM_HUES, BLUE_HUES, RED_HUES, PURE_BLUE_HUES)
    )
    is_wood_blue = blue > BLUE and blue > BLUE_TO_WARM * warm
    is_red_blue = pure_blue > BLUE and pure_blue > BLUE_TO_WARM * red and blue + pure_blue > warm + red
    if is_wood_blue or is_red_blue:
        return Suspicion(
            f"{blue + pure_blue:.0%} of the pixels are blue",
            "red and blue may be swapped",
            remedies.colors(),
        )
    return None


def _of_registration(frames: Sequence[Frame], remedies: Remedies) -> Suspicion | None:
    fit = edge_fit(frames)
    if fit.edges < EDGES or fit.off_px < OFF_PX or fit.best <= EDGE_GAIN * fit.here:
        return None
    off = fit.off_px / WIDTH * frames[0].camera.width
    return Suspicion(
        f"depth edges lie up to about {off:.0f} pixels from colour edges: depth is not registered to colour",
        f"colour edges are {fit.best:.2f} of their average there, and {fit.here:.2f} on the depth edges",
        remedies.registration(),
    )
