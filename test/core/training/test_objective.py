"""The losses of a clip against a reference that takes one query and one object at a time."""

import numpy as np
import pytest
import torch
from slow_twins import objective as twin
from slow_twins.samples import array

from autoseg3d_core.training import losses
from autoseg3d_core.training.network import (
    ClipBatches,
    NetworkTrainee,
    NetworkTrainingConfig,
    training_scenes,
)
from autoseg3d_core.training.objective import Objective, ObjectiveConfig

WHOLE = {"query_share": 1.0, "mask_points": 1_000_000}


@pytest.fixture(scope="module")
def clip_and_network(prepared):
    """Two frames of two objects, several fragments in each, and a network that has seen neither."""
    torch.manual_seed(3)
    config = NetworkTrainingConfig(
        str(prepared),
        masks="parts",
        points=1500,
        clips=1,
        frames=3,
        query_channels=32,
        leftovers=6,
        embedding=True,
    )
    scenes, labels = training_scenes(str(prepared))
    trainee = NetworkTrainee(config, labels, torch.device("cpu"))
    network = trainee.network.eval()
    for values in network.parameters():  # untrained heads all say the same
        values.data += 0.05 * torch.randn_like(values)
    return ClipBatches(config, scenes, seed=0)(0).clips[0], network


def heads_of(network, clip, among=True):
    """What the network says of each frame, with its embeddings."""
    memory, found = network.new_memory().voxels, []
    for sample in clip:
        features, (memory,) = network.encode([sample.cloud], [memory])
        scene = network.pool(sample.cloud, features[0], None)
        heads = network.decoder(scene, torch.arange(len(scene.fragments)), among=among)
        told = [
            twin.Head(
                *(array(t) for t in (head.queries, head.class_logits, head.mask_logits)),
                head.over_points,
                array(head.boxes),
                None if head.semantics is None else array(head.semantics),
            )
            for head in heads
        ]
        found.append((told, array(network.embedding(heads[-1].queries))))
    return found


def objects_of(sample):
    fragments = int(sample.cloud.fragment.max()) + 1
    masks = array(sample.targets.masks())
    shares = array(sample.targets.shares(sample.cloud.fragment, fragments))
    labels = sample.targets.labels.numpy()
    return twin.Objects(
        labels,
        labels,
        masks,
        (shares > 0.5).astype(float),
        array(sample.targets.boxes),
        sample.targets.ids.numpy(),
    )


def owners_of(sample, objects):
    fragment = sample.cloud.fragment.numpy()
    return twin.owners(objects, fragment, int(fragment.max()) + 1)


def expected_losses(network, clip):
    """All parts without weights, of all frames, the last head's dice apart from the others'."""
    frames, before = [], None
    for sample, (heads, embeddings) in zip(clip, heads_of(network, clip), strict=True):
        objects = objects_of(sample)
        owner = owners_of(sample, objects)
        each = [twin.head_losses(head, objects, owner, 1) for head in heads]
        parts = twin.totals(each)
        parts["last_dice"] = each[-1]["dice"]
        parts["dice"] -= parts["last_dice"]
        parts["label"] = twin.label_loss(heads[-1], objects, owner)
        parts["box"] = sum(
            float(losses.box_loss(*(torch.from_numpy(b) for b in boxes)))
            for head in heads
            for boxes in [matched_boxes(head, objects, owner)]
        )
        now = twin.object_embeddings(embeddings, objects, owner)
        parts["contrast"] = 0.0 if before is None else twin.contrast(now, before)
        frames.append(parts)
        before = now
    return {name: value / len(clip) for name, value in twin.totals(frames).items()}


def matched_boxes(head, objects, owner):
    query, row = np.array(twin.chosen(head, objects, owner, 1)).T
    return head.boxes[query], objects.boxes[row]


def told(network, clip, **weights):
    with torch.no_grad():
        found = Objective(network, ObjectiveConfig(**WHOLE, **weights)).losses([clip])
    return {name: float(value) for name, value in found.items()}


def test_every_part_is_that_of_one_query_and_one_object_at_a_time(clip_and_network):
    clip, network = clip_and_network
    found, whole = told(network, clip, contrast_weight=2.0), expected_losses(network, clip)
    assert min(np.bincount(owners_of(clip[0], objects_of(clip[0])) + 1)[1:]) >= 2  # queries to choose from
    for name, weight in (("class", 0.5), ("mask", 1.0), ("box", 0.5), ("label", 0.5), ("contrast", 2.0)):
        assert found[name] == pytest.approx(weight * whole[name], rel=1e-3), name
    assert found["dice"] == pytest.approx(whole["dice"] + whole["last_dice"], rel=1e-3)


def test_the_dice_of_the_last_head_has_a_weight_of_its_own(clip_and_network):
    clip, network = clip_and_network
    whole = expected_losses(network, clip)
    found = told(network, clip, dice_weight=3.0, last_dice_weight=4.0)
    assert found["dice"] == pytest.approx(3 * whole["dice"] + 4 * whole["last_dice"], rel=1e-3)


def test_the_second_branch_lets_each_object_take_several_queries_that_see_no_other(clip_and_network):
    clip, network = clip_and_network
    total = 0.0
    for sample, (heads, _) in zip(clip, heads_of(network, clip, among=False), strict=True):
        objects = objects_of(sample)
        owner = owners_of(sample, objects)
        for head in heads:
            parts = twin.head_losses(head, objects, owner, 4)
            total += 0.5 * parts["class"] + parts["mask"] + parts["dice"]
    found = told(network, clip, many_weight=0.5, many=4, box_weight=0.0)
    assert found["many"] == pytest.approx(0.5 * total / len(clip), rel=1e-3)


def test_the_contrast_is_that_of_each_way():
    """Three objects now, four before, two of them the same; the ways are not alike."""
    rng = np.random.default_rng(0)
    now, before = ({n: rng.normal(size=5) / 4 for n in names} for names in ((3, 8, 5), (9, 5, 7, 3)))
    rows = [torch.from_numpy(np.stack(list(side.values()))) for side in (now, before)]
    ids = [torch.tensor(list(side)) for side in (now, before)]
    found = float(losses.contrast_loss(*rows, *ids))
    assert found == pytest.approx(twin.contrast(now, before))
    assert found == pytest.approx(float(losses.contrast_loss(*rows[::-1], *ids[::-1])))
