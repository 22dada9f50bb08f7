import dataclasses

import pytest
import torch

from autoseg3d_core.errors import ConfigError
from autoseg3d_core.models.autoseg3d import QueryRows
from autoseg3d_core.models.interface import Sighting
from autoseg3d_core.models.network import Network
from autoseg3d_core.models.network_shape import NetworkShape
from autoseg3d_core.models.perception import NetworkConfig
from autoseg3d_core.models.samosaic3d import Samosaic3D, SamosaicConfig, in_two_stages
from autoseg3d_core.modules.assembly_decoder import AssemblyShape
from autoseg3d_core.modules.scene_matching import MatchingShape
from autoseg3d_core.structures import FrameInstances, Memory
from autoseg3d_core.tracking.lifecycle import TracksConfig, advance

WIDTH = 32
SHAPE = NetworkShape(
    unet="edge",
    query_channels=WIDTH,
    decoder=AssemblyShape("pairs", classes=1),
    embedding=None,
    matching=MatchingShape(),
)
TRACKS = TracksConfig(join_votes=3)


@pytest.fixture
def network():
    """A network that has learned nothing."""
    torch.manual_seed(0)
    return Network(SHAPE).eval().requires_grad_(False)


@pytest.fixture
def knowing(network):
    """A network whose matching knows objects by the product of their queries alone."""
    matching = network.matching
    for layer in matching.layers:
        for part in (layer.attention.out, layer.feedforward.contract):
            torch.nn.init.zeros_(part.weight)
            torch.nn.init.zeros_(part.bias)
    first, second = matching.same[0], matching.same[2]
    torch.nn.init.zeros_(first.weight)
    first.weight[0, :WIDTH] = 1.0
    torch.nn.init.zeros_(first.bias)
    torch.nn.init.zeros_(second.weight)
    second.weight[0, 0] = 1.0
    torch.nn.init.constant_(second.bias, -WIDTH / 2)
    return network


def look_of(name):
    look = torch.randn(WIDTH, generator=torch.Generator().manual_seed(name))
    return torch.nn.functional.layer_norm(look, (WIDTH,))


def seen(names, moved=0.0):
    """The instances of a frame that sees these objects, each in its place, which may be moved."""
    low = torch.tensor([[2.0 * name + moved, 0, 0] for name in names]).view(len(names), 3)
    boxes = torch.cat([low, low + 1], dim=1)
    return FrameInstances(
        masks=torch.ones(len(names), 1, dtype=torch.bool),
        scores=torch.full((len(names),), 0.9),
        labels=torch.zeros(len(names), dtype=torch.int64),
        world_boxes=boxes,
        centroids=low + 0.5,
        description=QueryRows(torch.stack([look_of(name) for name in names]), boxes),
    )


def on_map(owners, ids):
    return Sighting(torch.tensor(owners, dtype=torch.int64), torch.tensor(ids, dtype=torch.int64))


NOWHERE = on_map([], [])


class Life:
    """A model with its assigner, and what it remembers."""

    def __init__(self, network, **settings):
        config = SamosaicConfig(**settings)
        self.model, self.assigner = Samosaic3D(network, NetworkConfig(), config), in_two_stages(config)
        self.memory, self.frame = Memory.empty(self.model.empty_rows()), 0

    def step(self, found, sighting=NOWHERE):
        association = self.model.associate(found, self.memory, sighting)
        pairs = self.assigner(association.affinity, association.stage)
        change = advance(self.memory, found, association, pairs, TRACKS, self.frame)
        self.memory, self.frame = change.memory, self.frame + 1
        self.stage = association.stage
        return change.ids.tolist()


def test_objects_of_the_short_memory_are_known_by_their_looks(knowing):
    life, careful = Life(knowing, near=False), Life(knowing)
    assert life.step(seen([1, 2, 3])) == careful.step(seen([1, 2, 3])) == [1, 2, 3]
    assert life.step(seen([3, 4, 1], moved=1.5)) == [3, 4, 1], "no box meets its old one"
    assert careful.step(seen([3, 4, 1], moved=1.5)) == [4, 5, 6]
    assert careful.step(seen([3, 4, 1], moved=1.7)) == [4, 5, 6]


def test_what_left_the_short_memory_is_known_by_its_place_and_comes_back_into_it(knowing):
    life = Life(knowing, short_memory=2)
    assert life.step(seen([1])) == [1]
    for names in ([2], [3], [2, 3]):
        life.step(seen(names))
    assert life.step(seen([1, 2, 3])) == [1, 2, 3]
    assert life.stage.tolist() == [1, 0, 0], "found least recently, object 1 had made room"
    assert life.step(seen([1], moved=0.3)) == [1]
    life.step(seen([2]))
    life.step(seen([1, 2]))
    assert life.stage.tolist() == [0, 0, 1], "found again, it took the place of object 3"
    assert life.step(seen([3], moved=0.95)) == [4], "its looks say nothing in the long memory"


def test_what_was_never_seen_begins_a_track_before_anything_is_learned(network):
    life = Life(network)
    assert life.step(seen([1, 2, 3])) == [1, 2, 3]
    assert life.step(seen([4, 5, 6])) == [4, 5, 6]


def test_the_scene_map_finds_tracks_before_anything_is_learned(network):
    life = Life(network, map_weight=1.0)
    life.step(seen([1, 2]))
    on_both = on_map([0] * 30 + [1] * 30, [2] * 30 + [1] * 30)
    assert life.step(seen([2, 1], moved=0.7), on_both) == [2, 1]


def test_tracks_that_one_instance_covers_become_one(network):
    life = Life(network, map_weight=1.0)
    assert life.step(seen([1, 2])) == [1, 2]
    for _ in range(4):
        life.step(seen([1]), on_map([0] * 60, [1] * 35 + [2] * 25))
    assert life.memory.tracks.ids.tolist() == [1]


def test_without_the_map_it_is_as_published(knowing):
    """A map that says otherwise changes no affinity."""
    life = Life(knowing, map_weight=0.0)
    life.step(seen([1, 2]))
    crossed = on_map([0] * 30 + [1] * 30, [2] * 30 + [1] * 30)
    assert life.step(seen([1, 2]), crossed) == [1, 2]


def test_a_network_without_matching_is_refused(network):
    without = Network(dataclasses.replace(SHAPE, matching=None))
    with pytest.raises(ConfigError, match="train_samosaic_sequence"):
        Samosaic3D(without, NetworkConfig(), SamosaicConfig())
