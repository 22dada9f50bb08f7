import torch

from autoseg3d_core.models.interface import Sighting
from autoseg3d_core.models.map_evidence import shared_voxels, with_map_evidence
from autoseg3d_core.models.overlap import Overlap, OverlapConfig
from autoseg3d_core.structures import FragmentCloud, Memory, NoRows, Tracks

CONFIG = OverlapConfig(min_points=3, min_seen_voxels=2, min_visible_voxels=2)


def cloud(fragment, score=(1.0, 0.5, 0.25)):
    fragment = torch.tensor(fragment)
    generator = torch.Generator().manual_seed(0)
    xyz = torch.rand(len(fragment), 3, generator=generator)
    return FragmentCloud(xyz, xyz, fragment, torch.arange(len(fragment)), torch.tensor(score))


def memory_of(*ids):
    empty = Memory.empty()
    count = len(ids)
    columns = {name: column for name, column in empty.tracks.columns() if name != "remembered"}
    rows = {name: column.new_zeros((count, *column.shape[1:])) for name, column in columns.items()}
    return Memory(
        Tracks(**{**rows, "remembered": NoRows.of(count), "ids": torch.tensor(ids)}),
        empty.together,
        max(ids) + 1,
    )


def perceive(model, seen, memory):
    encoded, memory = model.encode(seen, memory)
    return model.perceive(seen, encoded, memory)


def test_fragments_with_enough_points_become_instances():
    instances, _ = perceive(Overlap(CONFIG), cloud([0, 0, 0, 1, 1, 2, 2, 2, 2, -1, -1, -1]), Memory.empty())
    assert instances.masks.sum(dim=1).tolist() == [3, 4]
    assert instances.scores.tolist() == [1.0, 0.25]
    assert instances.owner.tolist() == [0, 0, 0, -1, -1, 1, 1, 1, 1, -1, -1, -1]


def test_an_empty_cloud_has_no_instances():
    empty = FragmentCloud(
        torch.zeros(0, 3), torch.zeros(0, 3), torch.zeros(0).long(), torch.zeros(0).long(), torch.zeros(0)
    )
    instances, _ = perceive(Overlap(CONFIG), empty, Memory.empty())
    sighting = Sighting(torch.zeros(0).long(), torch.zeros(0).long())
    association = Overlap(CONFIG).associate(instances, Memory.empty(), sighting)
    assert association.affinity.shape == (0, 0)
    assert len(association.evidence) == 0


def test_affinity_is_the_share_of_the_known_voxels():
    memory = memory_of(4, 9)
    instances, _ = perceive(Overlap(CONFIG), cloud([0] * 5 + [1] * 5), memory)
    sighting = Sighting(
        torch.tensor([0, 0, 0, 0, 0, 1, 1, 1]), torch.tensor([4, 4, 4, 9, 0, 9, 0, 777])
    )  # the map does not know two voxels, and 777 is a track that ended
    assert shared_voxels(instances, memory, sighting).tolist() == [[3, 1], [0, 1]]
    affinity = Overlap(CONFIG).associate(instances, memory, sighting).affinity
    assert affinity.tolist() == [[0.75, 0.25], [0.0, 0.0]]  # one known voxel is too few


def test_what_the_map_knows_of_an_instance_counts_beside_the_network():
    memory = memory_of(4, 9)
    instances, _ = perceive(Overlap(CONFIG), cloud([0] * 5 + [1] * 5), memory)
    sighting = Sighting(torch.tensor([0, 0, 0, 0, 1, 1, 1, 1]), torch.tensor([4, 4, 4, 9, 9, 0, 0, 0]))
    said = torch.tensor([[0.2, 0.6], [0.4, 0.0]])
    found = with_map_evidence(said, instances, memory, sighting, 0.5)
    torch.testing.assert_close(found, torch.tensor([[0.475, 0.425], [0.35, 0.125]]))
    nothing = Sighting(torch.tensor([0, 1]), torch.tensor([0, 0]))
    assert torch.equal(with_map_evidence(said, instances, memory, nothing, 0.5), said)
    assert torch.equal(with_map_evidence(said, instances, memory, sighting, 0.0), said)


def evidence(owner, ids):
    memory = memory_of(4, 9)
    instances, _ = perceive(Overlap(CONFIG), cloud([0] * 5 + [1] * 5), memory)
    found = Overlap(CONFIG).associate(instances, memory, Sighting(torch.tensor(owner), torch.tensor(ids)))
    rows = found.evidence
    return list(zip(rows.older.tolist(), rows.younger.tolist(), rows.votes.tolist(), strict=True))


def test_one_fragment_over_two_tracks_speaks_for_their_union():
    assert evidence([0, 0, 0, 0], [4, 4, 9, 9]) == [(4, 9, 1)]


def test_a_fragment_each_speaks_against_it():
    assert evidence([0, 0, 1, 1], [4, 4, 9, 9]) == [(4, 9, -1)]


def test_a_track_of_which_too_little_is_visible_gives_no_evidence():
    assert evidence([0, 0, 0], [4, 4, 9]) == []
