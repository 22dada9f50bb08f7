"""How good a network's instances are frame by frame, before any tracking: what training is steered by."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from statistics import fmean

import torch

from autoseg3d_core.datasets.clips import PreparedScene
from autoseg3d_core.evaluation.average_precision import average_precision
from autoseg3d_core.evaluation.scene_match import SceneMatch, match_masks
from autoseg3d_core.geometry.scene_origin import OriginConfig, scene_origin
from autoseg3d_core.lifting import LiftingConfig, lift
from autoseg3d_core.models.autoseg3d import QueryRows
from autoseg3d_core.models.network import Network
from autoseg3d_core.models.perception import NetworkConfig, Perception
from autoseg3d_core.structures import InputError, MaskImage, Memory

SMALLEST_OBJECT = 50
"""Objects with fewer points in a frame's cloud are not looked for in it."""


@torch.inference_mode()
def frame_quality(
    network: Network, scenes: Iterable[PreparedScene], masks: str, config: NetworkConfig, stride: int = 3
) -> dict[str, float]:
    """Return the class-agnostic average precision over every `stride`-th frame of some scenes.

    With several kinds of masks (by comma), the mean over them, and the precision on each.
    """
    perception, scenes = Perception(network, config, QueryRows), list(scenes)
    names = [name.strip() for name in masks.split(",")]
    found = {}
    for name in names:
        matches = [match for scene in scenes for match in _matches(perception, scene, name, stride)]
        found[name] = average_precision(matches)
    mean = {
        f"frame_{field}": fmean(getattr(precision, field) for precision in found.values())
        for field in ("ap", "ap50", "ap25")
    }
    return mean | ({f"frame_ap.{name}": found[name].ap for name in names} if len(names) > 1 else {})


def scenes_to_validate(scenes: Sequence[PreparedScene], masks: str) -> tuple[list[PreparedScene], list[str]]:
    """Return the scenes that have these kinds of masks (by comma) and a truth, and why others are left out.

    Raises `InputError` where none is left: a training then ends at its start, not at its first validation.
    """
    names = [name.strip() for name in masks.split(",")]
    usable, gaps = [], []
    for scene in scenes:
        lacking = [
            f"{name} masks (but {', '.join(scene.masks)})" for name in names if name not in scene.masks
        ]
        if scene.images.truth(0) is None:
            lacking.append("ground truth")
        if lacking:
            gaps.append(f"{scene.images.path}: has no {' and no '.join(lacking)}")
        else:
            usable.append(scene)
    if not usable:
        raise InputError(f"no scene can be validated on: {gaps[0] if gaps else 'there is none'}")
    return usable, gaps


def _matches(perception: Perception, scene: PreparedScene, masks: str, stride: int) -> Sequence[SceneMatch]:
    memory, found = Memory.empty(), []
    device = next(perception.network.parameters()).device
    for part in scene.clip(range(0, len(scene), stride), masks).frames:
        assert part.masks is not None
        if memory.origin is None:
            origin = scene_origin(part.frame.world_from_camera, OriginConfig(), device)
            memory = dataclasses.replace(memory, origin=origin)
        image = MaskImage(part.masks - 1, torch.ones(int(part.masks.max(initial=0))).numpy())
        cloud = lift(part.frame, image, LiftingConfig(), device)
        encoded, memory = perception.encode(cloud, memory)
        instances, memory = perception.perceive(cloud, encoded, memory)
        truth = torch.from_numpy(part.truth.instance).flatten()[cloud.pixel.cpu()].long()
        scores = instances.scores.cpu().numpy()
        found.append(
            match_masks(instances.masks.cpu().numpy(), scores, truth.numpy(), min_points=SMALLEST_OBJECT)
        )
    return found
