"""What an assembling network gets wrong in one frame: its objects, their number, and which fragments are
one."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int64
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn import functional

from autoseg3d_core.config import setting
from autoseg3d_core.modules.assembly_decoder import AssemblyDecoder, AssemblyInput
from autoseg3d_core.modules.fragment_assembly import Assembly
from autoseg3d_core.modules.pair_assembly import PairAssembly
from autoseg3d_core.modules.query_decoder import HeadOutput
from autoseg3d_core.training import losses
from autoseg3d_core.training.matching import CLASS_COST, Matches
from autoseg3d_core.training.targets import FrameTargets, fragment_objects


@dataclass(frozen=True)
class AssemblyObjectiveConfig:
    """Weights of the losses that only an assembling network has."""

    count_weight: float = setting(0.5, "weight of the loss for the number of objects (centers)", low=0.0)
    affinity_weight: float = setting(
        0.0,
        "weight of the loss for the affinities that the centres give; the paper trains them "
        "through the masks only",
        low=0.0,
    )
    pair_weight: float = setting(
        1.0, "weight of the loss for the scores of pairs of fragments (pairs)", low=0.0
    )
    objectness_weight: float = setting(
        1.0, "weight of the loss for the predicted quality of objects", low=0.0
    )
    own_share: float = setting(
        0.5,
        "fraction of the frames whose fragments are grouped by the predicted scores instead of "
        "the ground truth",
        low=0.0,
        high=1.0,
    )


@dataclass(frozen=True)
class LossWeights:
    """Weights of the losses that every network has."""

    label: float = 0.5
    mask: float = 1.0
    dice: float = 1.0
    box: float = 0.5


@dataclass(frozen=True, eq=False)
class AssemblyTruth:
    """The objects that own fragments of a frame: whose each fragment and each point is (-1 nobody's).

    A label of -1 is of a class that is not to be learned.
    """

    fragment_object: Int64[Tensor, " fragments"]
    point_object: Int64[Tensor, " points"]
    ids: Int64[Tensor, " objects"]
    labels: Int64[Tensor, " objects"]
    boxes: Float[Tensor, "objects 6"]

    @staticmethod
    def of(targets: FrameTargets, fragment: Int64[Tensor, " points"], fragments: int) -> AssemblyTruth:
        """Return the truth of a frame for its fragments; objects that own none are left out."""
        owner = fragment_objects(targets.shares(fragment, fragments))
        present = torch.unique(owner[owner >= 0])
        rank = torch.full((len(targets) + 1,), -1, dtype=torch.int64, device=owner.device)
        rank[present] = torch.arange(len(present), device=owner.device)
        return AssemblyTruth(
            rank[owner],  # -1 reads the last, which is -1
            rank[targets.point_object],
            targets.ids[present],
            targets.labels[present],
            targets.boxes[present],
        )

    def at_points(self, rows: Int64[Tensor, " some"]) -> AssemblyTruth:
        """Return the truth at some of the points."""
        return replace(self, point_object=self.point_object[rows])

    def masks(self) -> Float[Tensor, "objects points"]:
        """Return the mask of each object."""
        return (
            self.point_object[None] == torch.arange(len(self.ids), device=self.ids.device)[:, None]
        ).float()


def assembly_losses(
    decoder: AssemblyDecoder,
    seen: AssemblyInput,
    truth: AssemblyTruth,
    weights: LossWeights,
    config: AssemblyObjectiveConfig,
    own: bool,
) -> tuple[dict[str, Tensor], HeadOutput, Matches]:
    """Return the weighted losses of one frame, the last head and its matches.

    Where `own`, assembly by pairs groups as it does at run time; centres are always told how many there are,
    so that a wrong count does not hold back the rest (SAMosaic3D).
    """
    owner = truth.fragment_object
    by_pairs = isinstance(decoder.assembler, PairAssembly)
    assembly = decoder.assemble(seen, None if own and by_pairs else owner)
    parts = _of_pairs(assembly, owner, config) if by_pairs else _of_centers(assembly, truth, config)
    total = defaultdict[str, list[Tensor]](list, {name: [value] for name, value in parts.items()})
    heads, masks = decoder.decode(seen, assembly), truth.masks()
    labels = truth.labels if decoder.shape.classes > 1 else torch.zeros_like(truth.labels)
    truth, matches = replace(truth, labels=labels), Matches(labels[:0], labels[:0])
    for head in heads:
        matches = best_matches(head, labels, masks)
        surest = assembly.assignment.amax(dim=0).detach() if len(owner) else assembly.assignment.sum(dim=0)
        for name, value in _head_losses(head, matches, surest, truth, masks, weights, config).items():
            total[name].append(value)
    return {name: torch.stack(values).sum() for name, values in total.items()}, heads[-1], matches


def _of_pairs(assembly: Assembly, owner: Tensor, config: AssemblyObjectiveConfig) -> dict[str, Tensor]:
    return {"pairs": config.pair_weight * pair_loss(assembly.evidence["pairs"], owner)}


def _of_centers(
    assembly: Assembly, truth: AssemblyTruth, config: AssemblyObjectiveConfig
) -> dict[str, Tensor]:
    said = assembly.evidence["count"]
    count = torch.tensor([min(max(len(truth.ids), 1), len(said)) - 1], device=said.device)
    parts = {"count": config.count_weight * functional.cross_entropy(said[None], count)}
    if config.affinity_weight:
        logits = assembly.affinity.clamp(1e-4, 1 - 1e-4).logit()
        parts["affinity"] = config.affinity_weight * pair_loss(logits, truth.fragment_object)
    return parts


def pair_loss(logits: Tensor, owner: Tensor) -> Tensor:
    """Return how badly pairs of fragments are told to be one object; pairs on no object at all say
    nothing."""
    first, second = torch.triu_indices(len(owner), len(owner), 1, device=owner.device)
    known = (owner[first] >= 0) | (owner[second] >= 0)
    first, second = first[known], second[known]
    if len(first) == 0:
        return logits.sum() * 0
    return losses.pair_loss(logits[first, second], owner[first] == owner[second])


@torch.no_grad()
def best_matches(head: HeadOutput, labels: Tensor, masks: Tensor) -> Matches:
    """Return the pairs of predicted and true objects whose masks and classes cost least together, each at
    most once."""
    if len(head.queries) == 0 or len(labels) == 0:
        nothing = torch.zeros(0, dtype=torch.int64, device=labels.device)
        return Matches(nothing, nothing)
    cost = losses.mask_cost(head.mask_logits, masks) - CLASS_COST * _log_of(head, labels).exp()
    query, found = linear_sum_assignment(cost.cpu().double().numpy())
    return Matches(torch.from_numpy(query).to(labels.device), torch.from_numpy(found).to(labels.device))


def _log_of(head: HeadOutput, labels: Tensor) -> Float[Tensor, "queries labels"]:
    """Return the logarithm of the probability of each label; of label -1 that of being any object."""
    some = head.class_logits[:, :-1].logsumexp(dim=1, keepdim=True)
    return torch.cat([head.class_logits[:, :-1], some], dim=1)[:, labels]


def _head_losses(
    head: HeadOutput,
    matches: Matches,
    surest: Float[Tensor, " instances"],
    truth: AssemblyTruth,
    masks: Float[Tensor, "objects points"],
    weights: LossWeights,
    config: AssemblyObjectiveConfig,
) -> dict[str, Tensor]:
    """Return the losses of one head; an object counts as much as its surest fragment (w_j = max_i A_ij).

    Objectness learns how well the mask fits, so that of two the better one scores higher.
    """
    query, found = matches.query, matches.object
    logits, mask = head.mask_logits[query], masks[found]
    fit = logits.new_zeros(len(head.queries)).index_copy(0, query, mask_overlap(logits.detach(), mask))
    some = head.class_logits[:, :-1].logsumexp(dim=1)
    objectness = -(fit * some + (1 - fit) * head.class_logits[:, -1])
    parts = {"objectness": config.objectness_weight * (objectness.mean() if len(fit) else objectness.sum())}
    if len(query) == 0:
        return parts
    weight = surest[query] / surest[query].sum().clamp(min=1e-6)
    entropy = functional.binary_cross_entropy_with_logits(logits, mask, reduction="none").mean(dim=1)
    soft = logits.sigmoid()
    dice = 1 - (2 * (soft * mask).sum(1) + 1) / (soft.sum(1) + mask.sum(1) + 1)
    told = (
        _log_of(head, truth.labels[found])[query].diagonal() - some[query]
    )  # 0 where nobody knows the class
    parts |= {
        "mask": weights.mask * (weight * entropy).sum(),
        "dice": weights.dice * (weight * dice).sum(),
        "class": weights.label * -(weight * told).sum(),
    }
    if head.boxes is not None:
        parts["box"] = weights.box * losses.box_loss(head.boxes[query], truth.boxes[found])
    return parts


def mask_overlap(logits: Tensor, mask: Tensor) -> Float[Tensor, " pairs"]:
    """Return the intersection over union of each predicted mask and its object's."""
    on = (logits > 0).to(mask.dtype)
    common = (on * mask).sum(dim=1)
    return common / (on.sum(dim=1) + mask.sum(dim=1) - common).clamp(min=1)
