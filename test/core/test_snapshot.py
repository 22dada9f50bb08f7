"""What a snapshot holds, and what is refused: what does not fit changes nothing."""

import dataclasses
import json
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from jaxtyping import Float, Int64
from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes
from torch import Tensor

from autoseg3d_core.checkpoints import format as weights_format
from autoseg3d_core.checkpoints.network_weights import load_network
from autoseg3d_core.geometry.transforms import pose_from_quaternion
from autoseg3d_core.lifting import LiftingConfig
from autoseg3d_core.models.esam import Esam
from autoseg3d_core.models.overlap import Overlap, OverlapConfig
from autoseg3d_core.models.perception import NetworkConfig
from autoseg3d_core.pipeline import OnlineSegmenter
from autoseg3d_core.policies import PipelineConfig
from autoseg3d_core.resources import resource_path
from autoseg3d_core.scene_map import MapConfig
from autoseg3d_core.snapshot import file
from autoseg3d_core.snapshot.tables import named_tensors
from autoseg3d_core.structures import InputError, NoRows, TrackRows
from autoseg3d_core.tracking.assignment import ManyToOne


def pipeline(mask_maker, model=None, voxel_size_m=0.04, max_blocks=2000, object_votes=3):
    scene = MapConfig(voxel_size_m=voxel_size_m, max_blocks=max_blocks, object_votes=object_votes)
    config = PipelineConfig(lifting=LiftingConfig(points=1000), map=scene)
    return OnlineSegmenter(mask_maker, model or Overlap(OverlapConfig()), ManyToOne(0.5), config)


def state_of(online):
    return dict(named_tensors(online.snapshot()))


def is_same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture
def walked(wall_frame, halves):
    """A run of four frames along a wall."""
    online = pipeline(halves)
    for i in range(4):
        pose = pose_from_quaternion(np.array([0.1 * i, 0, 0]), np.array([0, 0, 0, 1.0]))
        online.step(wall_frame(stamp_ns=i + 1, world_from_camera=pose))
    return online


@pytest.fixture
def saved(tmp_path, walked):
    path = tmp_path / "room.snapshot"
    walked.save(path)
    return path


def test_saving_changes_nothing(tmp_path, walked):
    before = {name: tensor.clone() for name, tensor in state_of(walked).items()}
    walked.save(tmp_path / "a")
    assert is_same(before, state_of(walked))


def test_a_snapshot_of_nothing_is_a_run_without_frames(tmp_path, wall_frame, halves):
    fresh, other = pipeline(halves), pipeline(halves)
    fresh.save(tmp_path / "a")
    other.load(tmp_path / "a")
    assert other.memory.origin is None
    assert np.array_equal(fresh.step(wall_frame()).cloud.xyz, other.step(wall_frame()).cloud.xyz)


def test_ids_go_on_after_those_of_both_runs(saved, wall_frame, halves):
    online = pipeline(halves)
    online.memory = dataclasses.replace(online.memory, next_id=41)
    online.load(saved)
    away = pose_from_quaternion(np.array([0, 30.0, 0]), np.array([0, 0, 0, 1.0]))
    assert online.step(wall_frame(9, away)).tracks.ids.tolist() == [1, 2, 41, 42]


def test_what_was_there_before_is_gone_after_loading(saved, walked, wall_frame, halves):
    online = pipeline(halves)
    away = pose_from_quaternion(np.array([0, 30.0, 0]), np.array([0, 0, 0, 1.0]))
    for i in range(3):
        online.step(wall_frame(i, away))
    online.load(saved)
    assert is_same(state_of(online), state_of(walked))
    online.remove(1)  # the map that was loaded can be written
    assert set(online.map_cloud().ids) == {0, 2}


@dataclass(frozen=True, eq=False)
class MadeUpRows(TrackRows):
    colour: Float[Tensor, "rows 3"]
    times: Int64[Tensor, " rows"]

    def observe(self, seen, sightings):
        return dataclasses.replace(self, times=self.times + (sightings.count > 0))


@dataclass(frozen=True, eq=False)
class MadeUpMemory:
    last: Float[Tensor, "1 3"]
    count: int


class MadeUp(Overlap):
    """Remembers of each track a colour, and how often it was seen; and of the scene the last point."""

    def empty_rows(self):
        return MadeUpRows(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64))

    def empty_kept(self):
        return MadeUpMemory(torch.zeros(1, 3), 0)

    def perceive(self, cloud, encoded, memory):
        instances, memory = super().perceive(cloud, encoded, memory)
        count = 1 if memory.kept is None else memory.kept.count + 1
        return instances, dataclasses.replace(memory, kept=MadeUpMemory(cloud.xyz[-1:], count))

    def associate(self, instances, memory, sighting):
        found = super().associate(instances, memory, sighting)
        colours = instances.centroids * 0.5
        return dataclasses.replace(
            found, to_remember=MadeUpRows(colours, torch.zeros(len(colours), dtype=torch.int64))
        )


def test_a_column_and_a_memory_that_a_model_makes_up_survive(tmp_path, wall_frame, halves):
    online, other = (pipeline(halves, MadeUp(OverlapConfig())) for _ in range(2))
    for i in range(3):
        online.step(wall_frame(i))
    online.save(tmp_path / "a")
    other.load(tmp_path / "a")
    assert other.memory.tracks.remembered.times.tolist() == [3, 3]
    assert torch.equal(other.memory.tracks.remembered.colour, online.memory.tracks.remembered.colour)
    assert other.memory.kept.count == 3
    with pytest.raises(InputError, match=r"memory\.tracks\.remembered\.nothing is missing"):
        pipeline(halves).load(tmp_path / "a")


class Renamed(Overlap):
    name = "another"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": Renamed(OverlapConfig())}, "was made by model.name=overlap, and this is another"),
        ({"voxel_size_m": 0.05}, r"was made with map\.voxel_size_m=0\.04: set this to load it"),
        ({"object_votes": 5}, r"was made with map\.object_votes=3: set this"),
        ({"max_blocks": 64}, r"the saved scene map has \d+ blocks: set map\.max_blocks=\d+, now 64"),
    ],
)
def test_a_snapshot_of_another_model_or_map_is_refused(saved, wall_frame, halves, options, words):
    online = pipeline(halves, **options)
    online.step(wall_frame(1, pose_from_quaternion(np.array([0, 9.0, 0]), np.array([0, 0, 0, 1.0]))))
    before = state_of(online)
    with pytest.raises(InputError, match=words):
        online.load(saved)
    assert is_same(before, state_of(online))


def test_a_snapshot_of_another_world_is_refused_where_both_have_names(tmp_path, walked, halves):
    walked.save(tmp_path / "a", world="map")
    pipeline(halves).load(tmp_path / "a", world="map")
    pipeline(halves).load(tmp_path / "a")
    with pytest.raises(InputError, match="was made in the frame 'map', and this is 'odom'"):
        pipeline(halves).load(tmp_path / "a", world="odom")


def test_a_snapshot_of_other_weights_is_refused(tmp_path, halves):
    ours = resource_path("weights/esam-edge.safetensors")
    checkpoint = weights_format.load(ours)
    name = next(iter(checkpoint.tensors))
    tensors = {**checkpoint.tensors, name: checkpoint.tensors[name] * 1.001}
    weights_format.save(tmp_path / "b.safetensors", dataclasses.replace(checkpoint, tensors=tensors))
    first, other = (
        pipeline(halves, Esam(load_network(path), NetworkConfig()))
        for path in (ours, tmp_path / "b.safetensors")
    )
    first.save(tmp_path / "a")
    with pytest.raises(InputError, match=r"other weights \(sha256 [0-9a-f]{12}\.\.\., and now"):
        other.load(tmp_path / "a")


def rewritten(path, change, version=None):
    """Write the tensors and words of a file anew, with a checksum that is right."""
    tensors, about = file.read(path)
    change(tensors)
    if version is None:
        file.write(path, tensors, about)
        return
    head = {"format": file.FORMAT, "version": version, "about": json.dumps(about), "sha256": "0" * 64}
    path.write_bytes(to_bytes(tensors, metadata=head))


def halved(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def short_of_a_byte(path):
    path.write_bytes(path.read_bytes()[:-1])


def wrong_shape(path):
    rewritten(path, lambda t: t.update({"memory.tracks.extent": t["memory.tracks.extent"][:, :2].clone()}))


def wrong_order(path):
    rewritten(path, lambda t: t.update({"memory.tracks.ids": t["memory.tracks.ids"].flip(0)}))


def low_next_id(path):
    rewritten(path, lambda t: t.update({"memory.next_id": torch.tensor(2)}))


def only_weights(path):
    path.write_bytes(resource_path("weights/masks-edge.safetensors").read_bytes())


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.unlink(), "cannot be read: No such file"),
        (lambda path: (path.unlink(), path.mkdir()), "cannot be read: Is a directory"),
        (lambda path: path.write_bytes(b""), "is not a snapshot"),
        (lambda path: path.write_text("ply\nformat ascii 1.0\n" * 9), "is not a snapshot"),
        (lambda path: path.write_bytes(path.read_bytes()[:99]), "is not a snapshot, or is cut off"),
        (only_weights, "is not a snapshot"),
        (halved, "is damaged"),
        (short_of_a_byte, "is damaged"),
        (lambda path: rewritten(path, lambda t: None, version="1"), "version 1, and this program reads 2"),
        (
            wrong_shape,
            r"memory\.tracks\.extent is int16 of 2 x 2 x \d+, not int16 of any x",
        ),
        (wrong_order, "its ids do not ascend"),
        (low_next_id, "its ids do not ascend"),
    ],
)
def test_a_file_that_is_none_or_damaged_is_refused_in_a_line(saved, wall_frame, halves, damage, words):
    damage(saved)
    online = pipeline(halves)
    with pytest.raises(InputError, match=words) as refused:
        online.load(saved)
    assert str(refused.value).startswith(str(saved))
    assert "\n" not in str(refused.value)
    assert online.step(wall_frame()).tracks.ids.tolist() == [1, 2]


def test_every_flipped_bit_is_noticed(saved):
    whole = saved.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    places = [*range(0, header, 7), *np.linspace(header, len(whole) - 1, 60).astype(int)]
    for number, place in enumerate(places):
        data = bytearray(whole)
        data[place] ^= 1 << (number % 8)
        saved.write_bytes(data)
        with pytest.raises(InputError):
            file.read(saved)


def test_a_file_holds_no_code_and_every_value_by_its_name(saved, walked):
    tensors = from_bytes(saved.read_bytes())
    assert is_same(tensors, state_of(walked))
    assert {"memory.tracks.ids", "map.voxels.rgb", "memory.origin.rotation", "frames"} <= tensors.keys()


def test_a_place_that_cannot_be_written_is_an_input_error(tmp_path, walked, saved):
    with pytest.raises(InputError, match="nowhere/a cannot be written: No such file"):
        walked.save(tmp_path / "nowhere" / "a")
    with pytest.raises(InputError, match="cannot be written"):
        walked.save(saved / "a")


def test_rows_of_nothing_survive(saved, halves):
    online = pipeline(halves)
    online.load(saved)
    assert isinstance(online.memory.tracks.remembered, NoRows)
    assert len(online.memory.tracks.remembered) == 2
