import dataclasses

import numpy as np
import pytest
import torch
from slow_twins.merging import PublishedMerging

from autoseg3d_core import build
from autoseg3d_core.checkpoints.format import Checkpoint, save
from autoseg3d_core.cli.__main__ import main
from autoseg3d_core.geometry.scene_origin import OriginConfig, scene_origin
from autoseg3d_core.models.esam import EmbeddingRows, Esam, compare
from autoseg3d_core.models.network import Network
from autoseg3d_core.models.network_shape import NetworkShape
from autoseg3d_core.models.perception import NetworkConfig
from autoseg3d_core.models.selection import SelectionConfig
from autoseg3d_core.modules.image_features import ImageFeaturesShape
from autoseg3d_core.modules.query_decoder import QueriesShape
from autoseg3d_core.pipeline import OnlineSegmenter
from autoseg3d_core.structures import (
    Association,
    CameraIntrinsics,
    FragmentCloud,
    FrameInstances,
    ImageView,
    InputError,
    MaskImage,
    Memory,
    TogetherVotes,
)
from autoseg3d_core.tracking.assignment import OneToOne
from autoseg3d_core.tracking.lifecycle import TracksConfig, advance

SHAPE = NetworkShape(unet="edge", decoder=QueriesShape(semantics=4))
EVERYTHING = SelectionConfig(top_k=6, score_threshold=0.0, min_points=0, exclusive=False)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(1)
    return Network(SHAPE).eval()


def cloud(count=600, seed=0, spread=1.0):
    generator = torch.Generator().manual_seed(seed)
    xyz = spread * torch.rand(count, 3, generator=generator)
    fragment = torch.arange(count) % 7 - 1
    rgb = torch.rand(count, 3, generator=generator)
    return FragmentCloud(xyz, rgb, fragment, torch.arange(count), torch.ones(6))


def perceive(model, seen, memory):
    encoded, memory = model.encode(seen, memory)
    return model.perceive(seen, encoded, memory)


def memory_at(model, pose=None):
    origin = scene_origin(np.eye(4) if pose is None else pose, OriginConfig(up="z"))
    return dataclasses.replace(Memory.empty(model.empty_rows()), origin=origin)


def whole(rows):
    """The embedding and the box of each row, one after the other."""
    return torch.cat([rows.embeddings, rows.scene_boxes], dim=1)


def random_instances(rng, count, labels):
    low = rng.uniform(0, 1, (count, 3))
    corners = np.hstack([low, low + rng.uniform(0.2, 1.5, (count, 3))])
    unit = rng.normal(size=(count, 8))
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    boxes = torch.from_numpy(corners).float()
    return FrameInstances(
        masks=torch.ones(count, 5, dtype=torch.bool),
        scores=torch.from_numpy(rng.random(count)).float(),
        labels=torch.from_numpy(rng.integers(0, labels, count)),
        world_boxes=boxes,
        centroids=boxes[:, :3],
        description=EmbeddingRows(torch.from_numpy(unit).float(), boxes),
    )


@pytest.mark.parametrize("seed", range(4))
def test_merging_over_many_frames_is_the_published_one(seed):
    rng = np.random.default_rng(seed)
    published = PublishedMerging()
    memory = Memory.empty(random_instances(rng, 0, labels=2).description)
    config = TracksConfig(blend=0.0, tentative_frames=1000)
    for frame in range(12):
        found = random_instances(rng, int(rng.integers(0, 7)), labels=2)
        tracks = memory.tracks
        fit = compare(found.description, found.labels, tracks.remembered, tracks.labels)
        association = Association(fit, found.description, TogetherVotes.empty())
        memory = advance(memory, found, association, OneToOne(0.0)(fit), config, frame).memory
        published.take(
            whole(found.description).double().numpy(), found.labels.tolist(), found.scores.tolist()
        )
    assert len(memory.tracks) == len(published.rows)
    assert np.allclose(whole(memory.tracks.remembered).numpy(), published.rows, atol=1e-5)
    assert np.allclose(memory.tracks.scores.numpy(), published.scores, atol=1e-5)
    assert memory.tracks.labels.tolist() == published.labels
    assert (memory.tracks.hits - 1).tolist() == published.counts


@torch.inference_mode()
def test_a_frame_gives_instances_with_embeddings_and_boxes_around_their_points(network):
    model = Esam(network, NetworkConfig(selection=EVERYTHING))
    found, after = perceive(model, cloud(), memory_at(model))
    assert 0 < len(found) <= 6
    assert found.description.embeddings.shape == (len(found), 256)
    assert torch.allclose(found.description.embeddings.norm(dim=1), torch.ones(len(found)), atol=1e-5)
    for mask, box in zip(found.masks, found.world_boxes, strict=True):
        points = cloud().xyz[mask]
        assert (box[:3] >= points.amin(dim=0)).all()
        assert (box[3:] <= points.amax(dim=0)).all()
        inside = ((points >= box[:3]) & (points <= box[3:])).all(dim=1)
        assert inside.float().mean() > 0.9
    assert after.kept is not None


@torch.inference_mode()
def test_a_world_moved_by_kilometres_and_turned_gives_the_same_instances(network):
    model = Esam(network, NetworkConfig(selection=EVERYTHING))
    turned = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    world = np.eye(4)
    world[:3, :3], world[:3, 3] = turned, (2048.0, -4096.0, 64.0)
    # On a lattice within the voxels, so that single precision far from zero moves no point to another voxel.
    here = cloud()
    here = dataclasses.replace(here, xyz=(here.xyz / 0.02).floor() * 0.02 + 0.01)
    there = dataclasses.replace(
        here, xyz=(here.xyz.double() @ torch.from_numpy(turned).T + torch.from_numpy(world[:3, 3])).float()
    )
    first, _ = perceive(model, here, memory_at(model))
    second, _ = perceive(model, there, memory_at(model, world))
    assert torch.equal(first.masks, second.masks)
    assert torch.allclose(first.scores, second.scores, atol=2e-3)
    assert torch.allclose(whole(first.description), whole(second.description), atol=2e-2)


@torch.inference_mode()
def test_what_the_network_keeps_stays_bounded_on_a_long_way(network):
    model = Esam(network, NetworkConfig(selection=EVERYTHING, max_voxels=1000))
    memory, sizes = memory_at(model), []
    for frame in range(12):
        seen = cloud(seed=frame)
        seen = dataclasses.replace(seen, xyz=seen.xyz + torch.tensor([10.0 * frame, 0, 0]))
        _, memory = perceive(model, seen, memory)
        sizes.append(sum(store.voxels for store in memory.kept.voxels.stores))
    assert sizes[-1] <= max(sizes[:4])


@torch.inference_mode()
def test_a_point_kilometres_from_the_start_is_refused_by_name(network):
    far = dataclasses.replace(cloud(), xyz=torch.full((600, 3), 1e5))
    model = Esam(network, NetworkConfig(selection=EVERYTHING))
    with pytest.raises(InputError, match="scene origin"):
        perceive(model, far, memory_at(model))


@pytest.mark.parametrize(
    "xyz", [torch.zeros(0, 3), torch.zeros(1, 3), torch.full((300, 3), 0.005), torch.full((300, 3), -900.0)]
)
@torch.inference_mode()
def test_degenerate_clouds_are_no_error(network, xyz):
    some = cloud(len(xyz)) if len(xyz) else None
    frame = FragmentCloud(
        xyz,
        some.rgb if some else torch.zeros(0, 3),
        some.fragment if some else torch.zeros(0, dtype=torch.int64),
        torch.arange(len(xyz)),
        torch.ones(6),
    )
    model = Esam(network, NetworkConfig(selection=EVERYTHING))
    found, _ = perceive(model, frame, memory_at(model))
    assert found.masks.shape[1] == len(xyz)
    assert torch.isfinite(whole(found.description)).all()


def test_the_pipeline_runs_it_from_a_file_and_keeps_ids(tmp_path, network, wall_frame):
    path = tmp_path / "network.safetensors"
    save(path, Checkpoint(network.state_dict(), {"network": SHAPE.to_json()}))
    settings = ("model.name=esam", f"model.network.weights={path}", "lifting.points=800", "device=cpu")
    loose = ("model.network.selection.score_threshold=0", "model.network.selection.min_points=0")
    online = build.online_segmenter(build.load(None, (*settings, *loose)))
    updates = [online.step(wall_frame(stamp)) for stamp in (1, 2, 3)]
    assert len(updates[-1].tracks) > 0
    assert online.memory.origin is not None
    build.reconfigure(online, build.load(None, (*settings, "model.network.selection.top_k=3")))
    assert online.model.config.selection.top_k == 3
    online.reset()
    assert online.memory.origin is None
    assert online.memory.kept is None


@pytest.mark.parametrize(
    ("weights", "words"),
    [("missing.safetensors", "check the path"), ("esam-huge", "no weights are called 'esam-huge'")],
)
def test_missing_weights_say_what_there_is(weights, words):
    with pytest.raises(InputError, match=words):
        build.online_segmenter(build.load(None, ("model.name=esam", f"model.network.weights={weights}")))


def test_weights_of_something_else_are_refused(tmp_path):
    save(tmp_path / "a.safetensors", Checkpoint({"x": torch.zeros(1)}, {"architecture": "yolo"}))
    with pytest.raises(InputError, match="no 3D network"):
        build.online_segmenter(
            build.load(None, ("model.name=esam", f"model.network.weights={tmp_path / 'a.safetensors'}"))
        )


def test_converting_a_file_that_is_not_there_says_so(tmp_path, capsys):
    assert main(["convert", str(tmp_path / "missing.pth"), str(tmp_path / "out.safetensors")]) == 2
    assert "missing.pth" in capsys.readouterr().err


@pytest.fixture(scope="module")
def seeing():
    torch.manual_seed(1)
    network = Network(dataclasses.replace(SHAPE, image_features=ImageFeaturesShape(4))).eval()
    torch.nn.init.normal_(network.image_features.linear.weight)
    return network


def with_view(frame, features, camera_from_points=None):
    camera = CameraIntrinsics(40.0, 40.0, 20.0, 15.0, 41, 31)
    matrix = torch.eye(4, dtype=torch.float64) if camera_from_points is None else camera_from_points
    return dataclasses.replace(frame, view=ImageView(features, camera, matrix))


@torch.inference_mode()
def test_image_features_reach_the_network_and_move_with_the_world(seeing):
    model = Esam(seeing, NetworkConfig(selection=EVERYTHING))
    torch.manual_seed(2)
    here = cloud()
    here = dataclasses.replace(here, xyz=(here.xyz / 0.02).floor() * 0.02 + 0.01)
    image = torch.rand(4, 8, 10)
    blank, _ = perceive(model, with_view(here, torch.zeros(4, 8, 10)), memory_at(model))
    first, _ = perceive(model, with_view(here, image), memory_at(model))
    assert not torch.allclose(first.description.embeddings[0], blank.description.embeddings[0], atol=1e-4)
    world = np.eye(4)
    world[:3, 3] = (512.0, -256.0, 8.0)
    there = dataclasses.replace(here, xyz=here.xyz + torch.tensor([512.0, -256.0, 8.0]))
    moved = with_view(there, image, torch.linalg.inv(torch.from_numpy(world)))
    second, _ = perceive(model, moved, memory_at(model, world))
    assert torch.equal(first.masks, second.masks)
    assert torch.allclose(whole(first.description), whole(second.description), atol=2e-2)


@pytest.mark.parametrize("features", [None, torch.rand(3, 8, 10)])
@torch.inference_mode()
def test_weights_that_want_image_features_say_how_to_get_them(seeing, features):
    frame = cloud() if features is None else with_view(cloud(), features)
    model = Esam(seeing, NetworkConfig(selection=EVERYTHING))
    with pytest.raises(InputError, match=r"masks\.fastsam\.features"):
        perceive(model, frame, memory_at(model))


class SeeingMaskMaker:
    """Two masks, and a feature map as a mask maker's network makes it."""

    def __call__(self, frame):
        index = (np.arange(frame.depth.shape[1]) > 80).astype(np.int32) * np.ones(frame.depth.shape, np.int32)
        return MaskImage(index.astype(np.int32), np.ones(2, np.float32), torch.rand(4, 8, 10))

    warm_up = __call__


def test_a_network_that_wants_image_features_warms_up_and_runs(seeing, wall_frame):
    config = build.load(None, ("lifting.points=500", "device=cpu"))
    model = Esam(seeing, NetworkConfig(selection=EVERYTHING))
    online = OnlineSegmenter(SeeingMaskMaker(), model, OneToOne(0.0), build.pipeline_config(config))
    online.warm_up()
    assert len(online.step(wall_frame()).tracks) > 0
