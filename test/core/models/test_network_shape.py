"""The one list of a network's parts: files, tensors and what may be left out follow from it."""

import dataclasses
import json

import pytest

from autoseg3d_core.checkpoints.format import Checkpoint, load
from autoseg3d_core.checkpoints.network_weights import network_of, shape_of
from autoseg3d_core.checkpoints.weights import weights_path
from autoseg3d_core.models.network import Network
from autoseg3d_core.models.network_shape import PARTS, NetworkShape
from autoseg3d_core.modules.assembly_decoder import AssemblyShape
from autoseg3d_core.modules.embedding_head import EmbeddingHead, EmbeddingShape
from autoseg3d_core.modules.fragment_merging import FragmentMerging, MergingShape
from autoseg3d_core.modules.image_features import ImageFeaturesShape
from autoseg3d_core.modules.query_decoder import QueriesShape
from autoseg3d_core.modules.recent_queries import RecentShape
from autoseg3d_core.modules.scene_matching import MatchingShape
from autoseg3d_core.modules.track_association import AssociationShape, TrackAssociation
from autoseg3d_core.modules.voxel_memory import VoxelMemoryShape
from autoseg3d_core.modules.wholeness import WholenessShape
from autoseg3d_core.structures import InputError

EARLIER = NetworkShape(
    unet="edge",
    voxel_m=0.03,
    query_channels=32,
    decoder=QueriesShape(classes=3, semantics=5, boxes=True, placement="extent"),
    voxel_memory=VoxelMemoryShape(),
    image_features=ImageFeaturesShape(7),
    embedding=EmbeddingShape("batch"),
    merging=MergingShape(),
    wholeness=WholenessShape(),
    recent=RecentShape("shared"),
    association=AssociationShape(appearance=False, gate=False),
)
EVERYTHING = dataclasses.replace(EARLIER, matching=MatchingShape())
NOTHING = NetworkShape(unet="edge", query_channels=32, voxel_memory=None, embedding=None)
ASSEMBLED = NetworkShape(unet="edge", query_channels=32, decoder=AssemblyShape("pairs", 4), embedding=None)
FLAT = {
    "unet": "edge",
    "voxel_m": 0.03,
    "classes": 3,
    "semantics": 5,
    "voxel_memory": True,
    "boxes": True,
    "embedding": "batch",
    "image_channels": 7,
    "query_channels": 32,
    "placement": "extent",
    "merging": True,
    "recent": True,
    "recent_scale": "shared",
    "association": True,
    "appearance": False,
    "gate": False,
    "wholeness": True,
    "decoder": "queries",
}
"""How the first files described `EARLIER`, all that there was then."""


def shape_in(description: object) -> NetworkShape:
    return shape_of(Checkpoint({}, {"network": description}), "weights")


@pytest.mark.parametrize("shape", [EVERYTHING, NOTHING, ASSEMBLED], ids=["all", "none", "assembled"])
def test_a_shape_comes_back_from_a_file(shape):
    assert shape_in(json.loads(json.dumps(shape.to_json()))) == shape


def test_descriptions_of_earlier_files_mean_what_they_meant():
    assert shape_in(FLAT) == EARLIER
    none = {"voxel_memory": False, "embedding": "none", "image_channels": 0, "merging": False}
    none |= {"recent": False, "association": False, "wholeness": False, "voxel_m": 0.02}
    heads = {"classes": 1, "semantics": 200, "placement": "published"}
    assert shape_in({**FLAT, **none, **heads}) == NOTHING
    older = {name: value for name, value in FLAT.items() if name not in ("wholeness", "decoder")}
    assert shape_in(older) == EARLIER.without(["wholeness"])
    by_pairs = shape_in({**FLAT, "decoder": "pairs"}).decoder
    assert by_pairs == AssemblyShape("pairs", classes=3, placement="extent")


@pytest.mark.parametrize("name", ["autoseg3d-edge", "esam-edge"])
def test_bundled_weights_fill_the_network_that_they_describe(name):
    path = weights_path(name)
    network = network_of(load(path), path)
    tracks = name == "autoseg3d-edge"
    assert (network.part(TrackAssociation) is not None) == tracks
    assert (network.part(FragmentMerging) is not None) == tracks
    assert network.part(EmbeddingHead) is network.embedding


def test_every_part_is_there_under_its_name_or_not_at_all():
    with_all, with_none = Network(EVERYTHING), Network(NOTHING)
    for name in PARTS:
        assert any(tensor.startswith(f"{name}.") for tensor in with_all.state_dict()), name
        assert not any(tensor.startswith(f"{name}.") for tensor in with_none.state_dict()), name


@pytest.mark.parametrize("name", sorted(PARTS))
def test_any_part_can_be_left_out_of_weights(name):
    whole = Network(EVERYTHING)
    stored = Checkpoint(whole.state_dict(), {"network": EVERYTHING.to_json()})
    left = network_of(stored, "weights", without=[name])
    assert getattr(left, name) is None
    assert whole.state_dict().keys() - left.state_dict().keys() == {
        tensor for tensor in whole.state_dict() if tensor.startswith(f"{name}.")
    }


@pytest.mark.parametrize(
    "description",
    [
        {**EVERYTHING.to_json(), "decoder": {"oracle": {}}},
        {**EVERYTHING.to_json(), "recent": {"scale": "query", "frames": 9}},
        {**EVERYTHING.to_json(), "recent": 3},
        {**EVERYTHING.to_json(), "sonar": {}},
        {**EVERYTHING.to_json(), "unet": "huge"},
        {**EVERYTHING.to_json(), "decoder": {"assembly": {"by": "colour"}}},
        {"unet": "edge", "classes": 3},
        {},
    ],
)
def test_a_network_that_this_version_does_not_know_is_refused_in_a_line(description):
    with pytest.raises(InputError, match="its network is unknown to this version"):
        network_of(Checkpoint({}, {"network": description}), "weights")


def test_a_part_that_no_network_has_cannot_be_left_out():
    with pytest.raises(InputError, match=r"sonar.*merging"):
        network_of(Checkpoint({}, {"network": EVERYTHING.to_json()}), "weights", without=["sonar"])
