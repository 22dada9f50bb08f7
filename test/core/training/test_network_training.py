import dataclasses
import json

import numpy as np
import pytest
import torch
from slow_twins.published_states import published_shapes, random_state, variant

from autoseg3d_core import build
from autoseg3d_core.checkpoints.format import Checkpoint, load, save
from autoseg3d_core.checkpoints.network_weights import load_network
from autoseg3d_core.checkpoints.official import convert, convert_backbone
from autoseg3d_core.cli.__main__ import main
from autoseg3d_core.errors import ConfigError
from autoseg3d_core.models.esam import Esam
from autoseg3d_core.models.interface import Sighting
from autoseg3d_core.models.network import Network
from autoseg3d_core.models.network_shape import NetworkShape
from autoseg3d_core.models.perception import NetworkConfig
from autoseg3d_core.modules.query_decoder import QueriesShape
from autoseg3d_core.structures import InputError
from autoseg3d_core.tracking.lifecycle import advance
from autoseg3d_core.training.association import AssociationTrainee
from autoseg3d_core.training.loop import Loop, LoopConfig
from autoseg3d_core.training.network import (
    ClipBatches,
    NetworkTrainee,
    NetworkTrainingConfig,
    start_from,
    training_scenes,
)
from autoseg3d_core.training.objective import Objective, ObjectiveConfig
from autoseg3d_core.training.row_batches import AssociationTrainingConfig, RowBatch, RowBatches
from autoseg3d_core.training.rows import FrameRows, ObjectRows
from autoseg3d_core.training.tracks import (
    KnownMemory,
    as_instances,
    live_by_choice,
    live_by_the_truth,
    same_object,
)

CPU = torch.device("cpu")


def config(folder, **settings):
    given = {"masks": "parts", "points": 1200, "clips": 2, "query_channels": 32, "leftovers": 4, **settings}
    return NetworkTrainingConfig(scenes=str(folder), **given)


def trainee_of(folder, **settings):
    torch.manual_seed(0)
    given = config(folder, **settings)
    scenes, labels = training_scenes(str(folder))
    return NetworkTrainee(given, labels, CPU), ClipBatches(given, scenes, seed=0)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"frames": 2, "recent": True, "objective": ObjectiveConfig(many_weight=0.5)},
        {"frames": 2, "embedding": True, "objective": ObjectiveConfig(contrast_weight=2.0)},
        {"class_aware": False},
    ],
)
def test_the_loss_falls_on_a_batch_that_is_seen_again_and_again(prepared, tmp_path, settings):
    trainee, batches = trainee_of(prepared, **settings)
    loop = Loop(trainee, LoopConfig(warmup=0, learning_rate=2e-3), tmp_path, CPU)
    batch = batches(0)
    sums = []
    for _ in range(12):
        parts = loop.train([batch])
        sums.append(sum(value for name, value in parts.items() if name != "norm"))
    assert np.mean(sums[-3:]) < 0.8 * np.mean(sums[:3])
    untouched = [n for n, p in trainee.module.named_parameters() if p.grad is None]
    assert not untouched, untouched


def test_the_same_number_draws_the_same_queries_and_points(prepared):
    trainee, batches = trainee_of(prepared)
    batch = batches(1)
    first, second = ({k: v.detach() for k, v in trainee.losses(batch).items()} for _ in range(2))
    trainee.module.eval()
    first, second = ({k: float(v.detach()) for k, v in trainee.losses(batch).items()} for _ in range(2))
    assert first == second
    other = {k: float(v.detach()) for k, v in trainee.losses(dataclasses.replace(batch, number=9)).items()}
    assert other != first


def test_one_clip_weighs_as_much_as_another(prepared):
    trainee, batches = trainee_of(prepared)
    trainee.module.eval()
    whole = ObjectiveConfig(query_share=1.0, mask_points=1_000_000)
    objective = Objective(trainee.network, whole)
    batch = batches(0).clips
    with torch.no_grad():
        both = objective.losses(batch)
        alone = [objective.losses([clip]) for clip in batch]
    for name, value in both.items():
        assert float(value) == pytest.approx(np.mean([float(a[name]) for a in alone]), rel=1e-3), name


def test_the_second_branch_does_not_let_queries_see_one_another(prepared):
    trainee, batches = trainee_of(prepared)
    network = trainee.network.eval()
    sample = batches(0).clips[0][0]
    with torch.no_grad():
        features, _ = network.encode([sample.cloud], [network.new_memory().voxels])
        seen = network.pool(sample.cloud, features[0], None)
        few, all_ = (network.decoder(seen, torch.arange(n), among=False)[-1].queries for n in (2, 5))
        together = network.decoder(seen, torch.arange(5))[-1].queries
    torch.testing.assert_close(few, all_[:2])
    assert not torch.allclose(together[:2], all_[:2], atol=1e-3)


def test_trained_weights_are_a_network_of_our_own_format(prepared, tmp_path):
    trainee, _ = trainee_of(prepared, recent=True)
    save(tmp_path / "a.safetensors", trainee.checkpoint(trainee.module, 7))
    stored = load(tmp_path / "a.safetensors")
    assert stored.config["labels"] == ["chair", "table"]
    assert json.loads(stored.source)["step"] == 7
    network = load_network(tmp_path / "a.safetensors")
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(tensor, trainee.module.state_dict()[name], rtol=1e-2, atol=1e-3)
    assert load_network(tmp_path / "a.safetensors", without=["recent"]).recent is None
    with pytest.raises(InputError, match="no such part"):
        load_network(tmp_path / "a.safetensors", without=["wheels"])


def test_a_sequence_starts_from_single_frames_with_new_parts_untrained(prepared, tmp_path):
    single, _ = trainee_of(prepared)
    path = tmp_path / "single.safetensors"
    save(path, single.checkpoint(single.module, 1))
    longer, _ = trainee_of(prepared, recent=True, start=str(path))
    for name, tensor in single.module.state_dict().items():
        torch.testing.assert_close(longer.module.state_dict()[name], tensor, rtol=1e-2, atol=1e-3)
    shape = dataclasses.replace(single.network.shape, query_channels=48)
    with pytest.raises(InputError, match="does not fit"):
        start_from(Network(shape), str(path))
    shape = dataclasses.replace(single.network.shape, unet="res16unet34c")
    with pytest.raises(InputError, match=r"set network\.unet=edge"):
        start_from(Network(shape), str(path))


def published_file(path, kind="ESAM-E_CA"):
    state, _ = variant(random_state(published_shapes()), kind)
    torch.save({"state_dict": state}, path)
    return state


def test_a_published_backbone_is_the_unet_to_start_from(prepared, tmp_path, caplog):
    state = published_file(tmp_path / "a.pth")
    convert_backbone(tmp_path / "a.pth", tmp_path / "a.safetensors")
    trainee, _ = trainee_of(prepared, unet="res16unet34c", start=str(tmp_path / "a.safetensors"))
    unet = trainee.network.unet.state_dict()
    assert torch.equal(unet["stem.conv.weight"], state["backbone.conv0p1s1.kernel"])
    assert torch.equal(unet["decoders.3.1.norm.running_var"], state["backbone.block8.1.norm2.bn.running_var"])
    whole, _ = trainee_of(prepared, unet="res16unet34c")
    for name, tensor in whole.network.state_dict().items():
        stayed = torch.equal(tensor, trainee.network.state_dict()[name])
        assert stayed or name.startswith("unet."), name
    assert "begin untrained" in caplog.text
    assert "pooling.shape" in caplog.text
    assert "unet." not in caplog.text
    with pytest.raises(InputError, match=r"set network\.unet=res16unet34c"):
        trainee_of(prepared, start=str(tmp_path / "a.safetensors"))


def test_a_unet_with_a_layer_missing_is_not_started_from(prepared, tmp_path):
    trainee, _ = trainee_of(prepared)
    unet = {f"unet.{n}": t for n, t in trainee.network.unet.state_dict().items()}
    gone = next(iter(unet))
    rest = {n: t for n, t in unet.items() if n != gone}
    save(tmp_path / "a.safetensors", Checkpoint(rest, {"unet": "edge"}))
    with pytest.raises(InputError, match=gone):
        start_from(trainee.network, str(tmp_path / "a.safetensors"))


def test_published_weights_of_single_frames_are_started_from(prepared, tmp_path, caplog):
    state = published_file(tmp_path / "a.pth", "single view")
    convert(tmp_path / "a.pth", tmp_path / "a.safetensors")
    settings = {"unet": "res16unet34c", "placement": "published", "query_channels": 256, "class_aware": False}
    trainee, _ = trainee_of(prepared, start=str(tmp_path / "a.safetensors"), **settings)
    given = trainee.network.state_dict()
    assert torch.equal(given["decoder.classes.2.weight"], state["decoder.out_cls.2.weight"])
    assert torch.equal(given["pooling.shape.0.weight"], state["pool.pts_proj1.0.weight"])
    assert caplog.text.strip().endswith(
        "begin untrained: decoder.boxes, decoder.semantics, voxel_memory.levels, wholeness.layer"
    )


def rows(ids, seed=0, width=32):
    generator = torch.Generator().manual_seed(seed)
    ids = torch.tensor(ids, dtype=torch.int64)
    places = ids[:, None] + torch.zeros(1, 3)
    looks = torch.nn.functional.one_hot(ids % width, width) * 2.0
    noise = 0.3 * torch.randn(len(ids), width, generator=generator)
    boxes = torch.cat([places - 0.6, places + 0.6], dim=1)
    return ObjectRows(looks + noise, boxes, ids, torch.zeros_like(ids))


@pytest.fixture
def base(prepared, tmp_path):
    trainee, _ = trainee_of(prepared)
    path = tmp_path / "base.safetensors"
    save(path, trainee.checkpoint(trainee.module, 1))
    return path


@pytest.fixture
def life(base):
    torch.manual_seed(0)
    return AssociationTrainee(AssociationTrainingConfig(start=str(base)), CPU).life


def test_by_the_truth_tracks_are_means_of_what_they_were_given_and_false_ones_stay_apart(life):
    known, looks = KnownMemory.empty(life.model, CPU), []
    for ids in ([3, 0, 0], [3, 0], [3, 3], [5, 5]):
        given = rows(ids, seed=len(looks))
        comparison = life.model.compare(as_instances(given), known.memory.tracks)
        looks.append(comparison.to_remember.queries[: ids.count(3)])
        known = live_by_the_truth(life, known, given, comparison, len(looks))
    assert known.of_tracks.tolist() == [3, -2, -3, -4, 5], "of two pieces of an unknown object one begins"
    assert known.memory.tracks.hits.tolist() == [3, 1, 1, 1, 1]
    mean = (looks[0][0] + looks[1][0] + looks[2].mean(dim=0)) / 3
    torch.testing.assert_close(known.memory.tracks.remembered.queries[0], mean)


def test_by_choice_tracks_are_those_of_the_pipeline_s_own_life_cycle(any_life):
    life = any_life
    known, memory = (KnownMemory.empty(life.model, CPU) for _ in range(2))
    memory = memory.memory
    nothing = torch.zeros(0, dtype=torch.int64)
    for number, ids in enumerate(([3, 7, 7], [3, 7, 0], [7, 7, 3, 2], [2, 3])):
        given = as_instances(rows(ids, seed=number))
        comparison = life.model.compare(given, known.memory.tracks)
        known = live_by_choice(life, known, rows(ids, seed=number), comparison, number)
        association = life.model.associate(given, memory, Sighting(nothing.new_full((0,), -1), nothing))
        pairs = life.assigner(association.affinity, association.stage)
        memory = advance(memory, given, association, pairs, life.tracks, number).memory
        assert torch.equal(known.memory.tracks.ids, memory.tracks.ids)
        assert torch.equal(known.memory.tracks.remembered.queries, memory.tracks.remembered.queries)
        assert len(known.truth) == memory.next_id
    assert same_object(rows([3]), known).sum() >= 1


def test_a_later_loss_reaches_what_an_earlier_frame_left_in_a_track(life):
    first, second = rows([1, 2], seed=0), rows([1, 2], seed=1)
    first = dataclasses.replace(first, queries=first.queries.requires_grad_(True))
    known = KnownMemory.empty(life.model, CPU)
    comparison = life.model.compare(as_instances(first), known.memory.tracks)
    known = live_by_the_truth(life, known, first, comparison, 0)
    life.model.compare(as_instances(second), known.memory.tracks).logits.share.sum().backward()
    assert first.queries.grad.abs().sum() > 0


@pytest.fixture(params=["autoseg3d", "samosaic3d"])
def any_life(base, request):
    torch.manual_seed(0)
    return AssociationTrainee(AssociationTrainingConfig(start=str(base), model=request.param), CPU).life


LEARNED = {"autoseg3d": ("share", "confidence", "merging", "contrast"), "samosaic3d": ("match",)}


@pytest.mark.parametrize("model", LEARNED)
def test_association_learns_on_rows_and_leaves_the_network_as_it_is(base, tmp_path, model):
    rng = np.random.default_rng(0)
    scene = []
    for number in range(12):
        ids = rng.permutation(np.append(rng.choice(np.arange(1, 9), 5, replace=False), 0)).tolist()
        scene.append(FrameRows(rows(ids, number), rows([*ids, *ids], number)))
    given = AssociationTrainingConfig(start=str(base), frames=6, clips=2, model=model)
    torch.manual_seed(0)
    trainee, batches = AssociationTrainee(given, CPU), RowBatches(given, [scene], 0)
    before = {n: t.clone() for n, t in trainee.module.state_dict().items()}
    loop = Loop(trainee, LoopConfig(warmup=0, learning_rate=2e-3, steps=80), tmp_path / "out", CPU)
    losses = [loop.train([batches(number)]) for number in range(60)]
    for part in LEARNED[model]:
        assert losses[-1][part] < 0.6 * losses[0][part], part
    changed = {
        n.split(".")[0] for n, t in trainee.module.state_dict().items() if not torch.equal(t, before[n])
    }
    assert changed == set(trainee.lesson.learned)


@pytest.mark.parametrize(("part", "value"), [("appearance", False), ("gate", False)])
def test_association_learns_without_one_of_its_parts(base, part, value):
    given = AssociationTrainingConfig(start=str(base), **{part: value})
    trainee = AssociationTrainee(given, CPU)
    clip = [FrameRows(rows([1, 2, 0], n), rows([1, 1, 2], n)) for n in range(3)]
    losses = trainee.losses(RowBatch(0, [clip]))
    assert ("confidence" in losses) == (part != "gate")
    assert getattr(trainee.network.shape.association, part) is value
    sum(losses.values()).backward()
    assert trainee.network.association.share.weight.grad.abs().sum() > 0


def write(path, text):
    path.write_text(text)
    return str(path)


def test_the_three_phases_run_from_the_command_line_and_the_result_tracks(prepared, tmp_path, capsys):
    single = write(
        tmp_path / "single.yaml",
        f"""
train: network
loop: {{steps: 3, warmup: 0, workers: 0, validate_every: 3, device: cpu}}
network: {{scenes: {prepared}, masks: "parts,broken", points: 1200, query_channels: 32, clips: 2}}
validation: {{scenes: {prepared}, masks: parts, stride: 2}}
""",
    )
    assert main(["train", "--config", single, "--out", str(tmp_path / "single")]) == 0
    assert "frame_ap" in json.loads((tmp_path / "single" / "best.json").read_text())
    start = tmp_path / "single" / "weights.safetensors"
    sequence = ["network.frames=2", "network.clips=1", "network.recent=true", f"network.start={start}"]
    assert main(["train", "--config", single, "--out", str(tmp_path / "sequence"), "--set", *sequence]) == 0
    start = tmp_path / "sequence" / "weights.safetensors"
    settings = ["train=association", f"association.start={start}", f"association.scenes={prepared}"]
    settings += ["association.masks=parts", "association.score_threshold=0", "association.frames=3"]
    assert main(["train", "--config", single, "--out", str(tmp_path / "last"), "--set", *settings]) == 0
    weights = f"model.network.weights={tmp_path / 'last' / 'weights.safetensors'}"
    loose = [
        "model.network.selection.score_threshold=0",
        "model.network.selection.min_points=5",
        "device=cpu",
    ]
    rows = [
        f"--row {name} model.name={name} {weights} {' '.join(loose)}".split()
        for name in ("esam", "autoseg3d")
    ]
    assert (
        main(
            ["evaluate", str(prepared), "--masks", "parts", *rows[0], *rows[1], "--out", str(tmp_path / "e")]
        )
        == 0
    )
    scores = json.loads((tmp_path / "e" / "scores.json").read_text())
    assert [row["name"] for row in scores["rows"]] == ["esam", "autoseg3d"]
    assert (tmp_path / "e" / "esam" / "a" / "map.png").exists()
    assert "autoseg3d" in capsys.readouterr().out


@pytest.mark.parametrize("lacking", [{"decoder": QueriesShape(boxes=False)}, {"embedding": None}])
def test_a_network_that_could_not_track_is_refused(lacking):
    network = Network(NetworkShape(unet="edge", **lacking))
    with pytest.raises(ConfigError, match=r"network\.start"):
        Esam(network, NetworkConfig())


def test_a_network_without_association_is_refused_by_name(base):
    with pytest.raises(ValueError, match="esam"):
        build.online_segmenter(build.load(None, ("model.name=autoseg3d", f"model.network.weights={base}")))
