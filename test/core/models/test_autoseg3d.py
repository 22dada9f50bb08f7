import dataclasses

import numpy as np
import pytest
import torch

from autoseg3d_core.geometry.scene_origin import OriginConfig, scene_origin
from autoseg3d_core.models.autoseg3d import AutoSeg3D, AutoSeg3DConfig, QueryRows, staged_affinity
from autoseg3d_core.models.interface import Sighting
from autoseg3d_core.models.network import Network
from autoseg3d_core.models.network_shape import NetworkShape
from autoseg3d_core.models.perception import NetworkConfig
from autoseg3d_core.models.selection import SelectionConfig
from autoseg3d_core.modules.fragment_merging import MergingShape
from autoseg3d_core.modules.query_decoder import QueriesShape
from autoseg3d_core.modules.recent_queries import RecentShape
from autoseg3d_core.modules.track_association import AssociationShape
from autoseg3d_core.structures import FragmentCloud, FrameInstances, Memory
from autoseg3d_core.tracking.assignment import InStages, OneToOne
from autoseg3d_core.tracking.lifecycle import TracksConfig, advance

WIDTH = 32
SHAPE = NetworkShape(
    unet="edge",
    query_channels=WIDTH,
    decoder=QueriesShape(classes=3, semantics=3),
    embedding=None,
    merging=MergingShape(),
    recent=RecentShape(),
    association=AssociationShape(),
)
EVERYTHING = NetworkConfig(
    selection=SelectionConfig(top_k=6, score_threshold=0.0, min_points=0, mask_threshold=0.4, exclusive=False)
)
AS_PUBLISHED = AutoSeg3DConfig(join_confidence=1.0, map_weight=0.0)
NOTHING = torch.zeros(0, dtype=torch.int64)
UNSEEN = Sighting(NOTHING, NOTHING)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return Network(SHAPE).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def knowing():
    """A network whose association knows objects by their queries alone: other queries are other objects."""
    torch.manual_seed(0)
    network = Network(SHAPE).eval().requires_grad_(False)
    association = network.association
    look = association.appearance
    for part in (look.to_instance, look.to_track, look.think):
        torch.nn.init.zeros_(part.contract.weight)
        torch.nn.init.zeros_(part.contract.bias)
    for name, parameter in association.named_parameters():
        if name.startswith(("appearance.among.out", "overlap")):
            torch.nn.init.zeros_(parameter)
    torch.nn.init.constant_(association.share.weight, 1.0)
    torch.nn.init.constant_(association.confidence.weight, 1.0)
    torch.nn.init.constant_(association.confidence.bias, -WIDTH / 2)
    return network


def cloud(count=600, seed=0):
    generator = torch.Generator().manual_seed(seed)
    xyz, rgb = torch.rand(count, 3, generator=generator), torch.rand(count, 3, generator=generator)
    return FragmentCloud(xyz, rgb, torch.arange(count) % 7 - 1, torch.arange(count), torch.ones(6))


def memory_at(model, pose=None):
    origin = scene_origin(np.eye(4) if pose is None else pose, OriginConfig(up="z"))
    return dataclasses.replace(Memory.empty(model.empty_rows()), origin=origin)


def looks(names):
    """A query for each name, far from those of other names."""
    rows = [torch.randn(WIDTH, generator=torch.Generator().manual_seed(name)) for name in names]
    return torch.nn.functional.layer_norm(torch.stack(rows), (WIDTH,)) if rows else torch.zeros(0, WIDTH)


def seen(names):
    """The instances of a frame that sees these objects, each in its place."""
    count = len(names)
    low = torch.tensor([[2.0 * name, 0, 0] for name in names]).view(count, 3)
    boxes = torch.cat([low, low + 1], dim=1)
    return FrameInstances(
        masks=torch.ones(count, 1, dtype=torch.bool),
        scores=torch.full((count,), 0.9),
        labels=torch.zeros(count, dtype=torch.int64),
        world_boxes=boxes,
        centroids=low + 0.5,
        description=QueryRows(looks(names), boxes),
    )


def run(model, memory, found, config, frame, stages=2):
    association = model.associate(found, memory, UNSEEN)
    assignment = InStages(*[OneToOne(0.5)] * stages)(association.affinity, association.stage)
    return advance(memory, found, association, assignment, config, frame)


@torch.inference_mode()
def test_an_object_away_for_long_comes_back_with_its_id(knowing):
    config = TracksConfig(dormant_after_frames=5)
    model = AutoSeg3D(knowing, EVERYTHING, AS_PUBLISHED, config.dormant_after_frames)
    memory = Memory.empty(model.empty_rows())
    ids = {}
    for frame in range(6):
        change = run(model, memory, seen([1, 2, 3]), config, frame)
        memory, ids = change.memory, dict(zip([1, 2, 3], change.ids.tolist(), strict=True))
    for frame in range(6, 120):
        memory = run(model, memory, seen([3, 4]), config, frame).memory
    assert memory.tracks.misses.tolist()[:2] == [114, 114]
    change = run(model, memory, seen([2, 3, 1, 5]), config, 120)
    assert change.ids.tolist()[:3] == [ids[2], ids[3], ids[1]]
    assert change.ids.tolist()[3] == 5
    assert sorted(e.kind.name for e in change.events) == ["CREATED", "RECOVERED", "RECOVERED"]
    without_recall = run(model, memory, seen([2, 3, 1, 5]), config, 120, stages=1)
    assert without_recall.ids.tolist() == [5, ids[3], 6, 7]


@torch.inference_mode()
def test_active_tracks_choose_before_dormant_ones(knowing):
    config = TracksConfig(dormant_after_frames=5)
    model = AutoSeg3D(knowing, EVERYTHING, AS_PUBLISHED, config.dormant_after_frames)
    memory = Memory.empty(model.empty_rows())
    for frame in range(4):
        memory = run(model, memory, seen([1]), config, frame).memory
    dormant = dataclasses.replace(memory.tracks, misses=memory.tracks.misses + 50)
    memory = dataclasses.replace(memory, tracks=dormant)
    twin = seen([1])
    both = dataclasses.replace(
        memory, tracks=dormant.append(dataclasses.replace(dormant, ids=dormant.ids + 1))
    )
    active = dataclasses.replace(both.tracks, misses=torch.tensor([50, 0]))
    change = run(model, dataclasses.replace(both, tracks=active, next_id=3), twin, config, 9)
    assert change.ids.tolist() == [2]
    assert run(model, memory, twin, config, 9).ids.tolist() == [1]


@torch.inference_mode()
def test_shares_add_up_to_one_within_a_stage(network):
    found, tracks = seen([1, 2, 3]).description, seen([1, 2, 3, 4, 5]).description
    stage = torch.tensor([0, 1, 0, 0, 1])
    logits = network.association(found.queries, found.scene_boxes, tracks.queries, tracks.scene_boxes)
    affinity = staged_affinity(logits, stage)
    share = affinity / logits.confidence.sigmoid()
    for number in (0, 1):
        torch.testing.assert_close(share[:, stage == number].sum(dim=1), torch.ones(3))


@torch.inference_mode()
@pytest.mark.parametrize(("join", "left"), [(0.5, 1), (1.0, 2)])
def test_two_tracks_of_one_object_become_one(knowing, join, left):
    config = TracksConfig(join_votes=4)
    model = AutoSeg3D(
        knowing,
        EVERYTHING,
        dataclasses.replace(AS_PUBLISHED, join_confidence=join),
        config.dormant_after_frames,
    )
    memory, ids = Memory.empty(model.empty_rows()), []
    for frame, names in enumerate([[1, 1, 2]] + 6 * [[1, 2]]):
        change = run(model, memory, seen(names), config, frame)
        memory = change.memory
        ids.append(change.ids.tolist())
    assert ids[0] == [1, 2, 3]
    assert [name for name in memory.tracks.ids.tolist() if name < 3] == [1, 2][:left]
    assert change.ids.tolist()[1] == 3  # the other object keeps to itself


@torch.inference_mode()
def test_two_objects_that_are_seen_side_by_side_stay_two(knowing):
    config = TracksConfig(join_votes=2)
    model = AutoSeg3D(
        knowing,
        EVERYTHING,
        dataclasses.replace(AS_PUBLISHED, join_confidence=0.5),
        config.dormant_after_frames,
    )
    memory = Memory.empty(model.empty_rows())
    for frame in range(8):
        memory = run(model, memory, seen([1, 2]), config, frame).memory
    assert memory.tracks.ids.tolist() == [1, 2]
    assert len(memory.together) == 0


@torch.inference_mode()
def test_no_id_comes_twice_and_tracks_stay_bounded_while_objects_come_and_go(knowing):
    config = TracksConfig(max_tracks=12, dormant_after_frames=5)
    model = AutoSeg3D(knowing, EVERYTHING, AS_PUBLISHED, config.dormant_after_frames)
    memory, issued = Memory.empty(model.empty_rows()), []
    rng = np.random.default_rng(0)
    for frame in range(400):
        names = rng.choice(np.arange(frame // 8, frame // 8 + 6), 3, replace=False).tolist()
        change = run(model, memory, seen(names), config, frame)
        memory = change.memory
        issued += [event.track_id for event in change.events if event.kind.name == "CREATED"]
        assert len(memory.tracks) <= 12
    assert issued == list(range(1, memory.next_id))
    assert len(issued) < 150  # of 56 objects, some of them forgotten for lack of room


@torch.inference_mode()
def test_a_world_moved_by_kilometres_and_turned_gives_the_same_instances_and_affinities(network):
    model = AutoSeg3D(network, EVERYTHING, AS_PUBLISHED, 15)
    turned = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    world = np.eye(4)
    world[:3, :3], world[:3, 3] = turned, (2048.0, -4096.0, 64.0)

    def there(part):
        xyz = (
            part.xyz / 0.02
        ).floor() * 0.02 + 0.01  # no point lies where rounding moves it to another voxel
        moved = xyz.double() @ torch.from_numpy(turned).T + torch.from_numpy(world[:3, 3])
        return dataclasses.replace(part, xyz=xyz), dataclasses.replace(part, xyz=moved.float())

    found = []
    for which, pose in ((0, None), (1, world)):
        memory, affinities = memory_at(model, pose), []
        for frame in range(3):
            part = there(cloud(seed=frame))[which]
            encoded, memory = model.encode(part, memory)
            instances, memory = model.perceive(part, encoded, memory)
            association = model.associate(instances, memory, UNSEEN)
            affinities.append(association.affinity)
            memory = advance(
                memory, instances, association, OneToOne(0.1)(association.affinity), TracksConfig(), frame
            ).memory
        found.append((instances, affinities))
    (here, first), (far, second) = found
    assert torch.equal(here.masks, far.masks)
    assert torch.allclose(here.scores, far.scores, atol=5e-3)
    assert all(torch.allclose(a, b, atol=2e-2) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("points", [0, 1, 40])
@torch.inference_mode()
def test_frames_with_next_to_nothing_are_no_error(network, points):
    model = AutoSeg3D(network, EVERYTHING, AS_PUBLISHED, 15)
    memory = memory_at(model)
    for number, count in enumerate((600, points, 600)):
        part = cloud(count, seed=number)
        encoded, memory = model.encode(part, memory)
        found, memory = model.perceive(part, encoded, memory)
        memory = run(model, memory, found, TracksConfig(), number).memory
        assert torch.isfinite(memory.tracks.remembered.queries).all()


@torch.inference_mode()
def test_what_was_seen_in_the_frame_before_matters(network):
    torch.manual_seed(3)
    looking = Network(dataclasses.replace(SHAPE, voxel_memory=None, merging=None)).eval()
    torch.nn.init.normal_(looking.recent.attention.out.weight)

    def last(*seeds):
        memories = [looking.new_memory()]
        for seed in seeds:
            [heads], memories = looking(
                [dataclasses.replace(cloud(seed=seed), fragment=torch.arange(600) % 6)], memories
            )
        return heads[-1].class_logits

    assert torch.equal(last(1, 2), last(1, 2))
    assert not torch.allclose(last(1, 2), last(3, 2), atol=1e-4)
    assert not torch.allclose(last(2), last(3, 2), atol=1e-4)
