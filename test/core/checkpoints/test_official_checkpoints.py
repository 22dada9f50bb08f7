"""Conversion of published weights: complete or not at all, and no code runs from a file."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from slow_twins.published_states import published_shapes, random_state, variant

from autoseg3d_core.checkpoints import format as our_format
from autoseg3d_core.checkpoints import official
from autoseg3d_core.checkpoints.published_models import model_of
from autoseg3d_core.checkpoints.published_names import our_tensors
from autoseg3d_core.checkpoints.tensors_only import read_tensors
from autoseg3d_core.models.network import Network
from autoseg3d_core.models.network_shape import NetworkShape
from autoseg3d_core.models.perception import read_head
from autoseg3d_core.structures import FragmentCloud, InputError


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    return random_state(published_shapes())


@pytest.mark.parametrize("kind", ["ESAM-E_CA", "ESAM_CA", "ESAM-E", "ESAM-E+FF", "single view"])
def test_every_published_model_is_recognised_and_fits_its_network_exactly(state, kind):
    published, expected = variant(state, kind)
    shape = model_of(published).shape
    assert shape == expected
    with torch.device("meta"):
        network = Network(shape)
    our_format.check_fit(network, our_tensors(published), kind)


def test_the_published_model_has_46_755_729_weights(state):
    weights = {n: v for n, v in state.items() if "running_" not in n and "num_batches" not in n}
    assert sum(v.numel() for v in weights.values()) == 46_755_729


def test_matrices_of_1x1_convolutions_keep_what_they_compute(state):
    ours, x = our_tensors(state), torch.randn(5, 32)
    expected = x @ state["backbone.block2.0.downsample.0.kernel"]
    torch.testing.assert_close(x @ ours["unet.encoders.1.0.shortcut.linear.weight"].T, expected)
    seen = torch.randn(5, 96)
    expected = seen @ state["memory.conv_convert.0.0.kernel"]
    torch.testing.assert_close(seen @ ours["voxel_memory.levels.0.mix.weight"].T, expected)


def test_a_converted_attention_is_torchs_with_the_published_weights(state):
    prefix = "decoder.cross_attn_layers.1.attn."
    theirs = torch.nn.MultiheadAttention(256, 8)
    theirs.load_state_dict({n.removeprefix(prefix): v for n, v in state.items() if n.startswith(prefix)})
    network = Network(NetworkShape())
    network.load_state_dict(our_tensors(state))
    query, keys = torch.randn(3, 256), torch.randn(7, 256)
    expected, _ = theirs(query[:, None], keys[:, None], keys[:, None])
    torch.testing.assert_close(network.decoder.layers[1].cross(query, keys, keys), expected[:, 0])


class HistoryBuffer:
    """Stands for the training framework's log object; pickled under a name that is not importable."""

    def __init__(self) -> None:
        self.log = np.arange(3.0)


def published_file(path: Path, state: dict[str, torch.Tensor]) -> Path:
    """Write a checkpoint as the training framework does: logs with objects of its own beside the weights."""
    HistoryBuffer.__module__, HistoryBuffer.__qualname__ = "mmengine.logging.history_buffer", "HistoryBuffer"
    module = type(os)("mmengine.logging.history_buffer")
    module.HistoryBuffer = HistoryBuffer  # type: ignore[attr-defined]
    import sys

    sys.modules["mmengine.logging.history_buffer"] = module
    for parent in ("mmengine", "mmengine.logging"):
        sys.modules[parent] = type(os)(parent)
    try:
        hub = {
            "log_scalars": {"loss": HistoryBuffer()},
            "runtime_info": {"dtype": torch.float32, "seen": {1, 2}},
        }
        torch.save(
            {"meta": {"epoch": 128, "shape": torch.Size([2])}, "state_dict": state, "message_hub": hub}, path
        )
    finally:
        for name in ("mmengine.logging.history_buffer", "mmengine.logging", "mmengine"):
            del sys.modules[name]
    return path


@pytest.fixture(scope="module")
def file(state, tmp_path_factory) -> Path:
    return published_file(tmp_path_factory.mktemp("published") / "ESAM-E_CA_online_epoch_128.pth", state)


def test_a_published_file_converts_and_runs(file, tmp_path):
    target = tmp_path / "esam.safetensors"
    assert official.convert(file, target).shape == NetworkShape()
    checkpoint = our_format.load(target)
    assert checkpoint.source == "ESAM-E_CA_online_epoch_128.pth"
    network = Network(NetworkShape.of_json(checkpoint.config["network"])).eval()
    our_format.fill(network, checkpoint.tensors, "esam")
    generator = torch.Generator().manual_seed(0)
    xyz = torch.rand(300, 3, generator=generator)
    cloud = FragmentCloud(xyz, xyz, torch.arange(300) % 5, torch.arange(300), torch.ones(5))
    memories = [network.new_memory()]
    with torch.no_grad():
        for _ in range(2):
            [heads], memories = network([cloud], memories)
    prediction = read_head(heads[-1])
    assert prediction.mask_logits.shape == (5, 300)
    assert all(torch.isfinite(v).all() for v in vars(prediction).values())


def with_values(name: str, value: torch.Tensor):
    return lambda state: state.update({name: value})


def with_zeros(*named: tuple[str, tuple[int, ...]]):
    return lambda state: state.update({name: torch.zeros(shape) for name, shape in named})


def without_those(*prefixes: str):
    return lambda state: [state.pop(name) for name in list(state) if name.startswith(prefixes)]


def with_labels(classes: int, semantics: int):
    shapes = (("out_cls.2", classes + 1), ("out_sem", semantics + 1))
    return lambda state: state.update(
        {f"decoder.{n}.weight": torch.zeros(rows, 256) for n, rows in shapes}
        | {f"decoder.{n}.bias": torch.zeros(rows) for n, rows in shapes}
    )


STEM, PROJECTION = "backbone.conv0p1s1.kernel", "decoder.self_attn_layers.0.attn.in_proj_weight"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without_those("memory.conv_d1.2.0.kernel"), "missing voxel_memory.levels.2.near.conv.weight"),
        (without_those("merge_head.net.1.weight"), "missing embedding.layers.1.weight"),
        (without_those("decoder.out_cls.2.weight"), "lacks decoder.out_cls.2.weight"),
        (without_those("memory."), r"it lacks memory\.\*:"),
        (without_those("merge_head."), r"it lacks merge_head\.\*:"),
        (without_those("decoder.out_reg."), r"it lacks decoder\.out_reg\.\*:"),
        (without_those("memory.", "merge_head."), r"it lacks memory\.\*, merge_head\.\*:"),
        (with_zeros(("decoder.out_score.weight", (1,))), "fit no part of the network: decoder.out_score"),
        (
            with_zeros(("backbone.block1.0.extra", (1,))),
            "fit no part of the network: backbone.block1.0.extra",
        ),
        (with_zeros(("backbone.bn0.weight", (32,))), "fit no part of the network: backbone.bn0.weight"),
        (with_zeros(("backbone.conv0p1s1.weight", (125, 3, 32))), "fit no part .* backbone.conv0p1s1.weight"),
        (
            with_zeros(("backbone.block2.0.downsample.0.weight", (64, 32))),
            "fit no part .*downsample.0.weight",
        ),
        (
            with_zeros(("decoder.self_attn_layers.1.attn.query.weight", (256, 256))),
            "fit no part .*attn.query",
        ),
        (with_zeros(("decoder.self_attn_layers.1.attn.out.weight", (256, 256))), "fit no part .*attn.out"),
        (with_zeros(("backbone.bn0.bn.extra", (32,))), "unexpected unet.stem.norm.extra"),
        (with_zeros((STEM, (27, 3, 32))), r"unet.stem.conv.weight is \(27, 3, 32\)"),
        (with_zeros((PROJECTION, (766, 256))), f"fit no part of the network: {PROJECTION}"),
        (with_zeros((PROJECTION, ())), f"fit no part of the network: {PROJECTION}"),
        (
            with_zeros(("memory.conv_convert.0.0.kernel", (1, 96, 32))),
            "fit no part .*conv_convert.0.0.kernel",
        ),
        (with_zeros(("decoder.out_cls.2.weight", ())), r"decoder.out_cls.2.weight is \(\)"),
        (with_zeros(("conv.0.kernel", ())), r"conv.0.kernel is \(\)"),
        (with_zeros(("conv.0.kernel", (17, 32))), "conv.0.kernel 17"),
        (with_zeros(("conv.0.kernel", (960, 32))), "conv.0.kernel 960"),
        (with_labels(5, 7), "out_cls.2.weight has 6 rows .* decoder.out_sem.weight 8"),
        (with_labels(18, 200), "none of the published models"),
        (with_labels(0, 200), "out_cls.2.weight has 1 rows"),
        (with_labels(-1, 200), "out_cls.2.weight has 0 rows"),
        (with_values(STEM, torch.full((125, 3, 32), torch.nan)), f"{STEM} holds numbers that are not finite"),
        (with_values(STEM, torch.zeros(125, 3, 32, dtype=torch.complex64)), f"{STEM} is torch.complex64"),
        (with_values(STEM, torch.zeros(125, 3, 32, dtype=torch.bool)), f"{STEM} is torch.bool"),
        (with_values("backbone.bn0.bn.num_batches_tracked", torch.tensor(1.0)), "not a tensor of a count"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused_and_nothing_is_written(
    state, tmp_path, monkeypatch, change, words
):
    broken = dict(state)
    change(broken)
    monkeypatch.setattr(official, "read_tensors", lambda path: broken)
    with pytest.raises(InputError, match=words):
        official.convert("broken.pth", tmp_path / "out.safetensors")
    assert not list(tmp_path.iterdir())


class Hostile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


class Evaluating:
    def __reduce__(self):
        return eval, ("1 + 1",)


def test_a_hostile_pickle_is_refused_before_it_runs(tmp_path):
    trap = tmp_path / "trap"
    for content in ({"state_dict": {"a": Hostile(trap)}}, {"meta": Hostile(trap)}, {"meta": Evaluating()}):
        torch.save(content, tmp_path / "hostile.pth")
        with pytest.raises(InputError, match="do not trust this file"):
            read_tensors(tmp_path / "hostile.pth")
        assert not trap.exists()


def test_a_torchscript_archive_is_refused_before_it_runs(hostile_archive):
    file, trap = hostile_archive
    with pytest.raises(InputError, match="do not trust this file"):
        read_tensors(file)
    assert not trap.exists()


def test_tensors_of_every_kind_and_layout_come_back(tmp_path):
    shared = torch.arange(12.0).reshape(3, 4)
    state = {
        "whole": shared,
        "turned": shared.T,
        "part": shared[1:, ::2],
        "none": torch.zeros(0, 3),
        "one": torch.tensor(7),
        "parameter": torch.nn.Parameter(torch.ones(2)),
    }
    kinds = (torch.float64, torch.float16, torch.bfloat16, torch.int32, torch.uint8, torch.bool)
    state |= {str(kind): torch.tensor([0, 1, 1]).to(kind) for kind in kinds}
    torch.save({"state_dict": state}, tmp_path / "a.pth")
    back = read_tensors(tmp_path / "a.pth")
    assert back.keys() == state.keys()
    for name, value in state.items():
        assert back[name].dtype == value.dtype
        assert torch.equal(back[name], value.detach())


def test_a_tensor_larger_than_its_numbers_is_refused(tmp_path):
    torch.save({"state_dict": {"a": torch.zeros(1000)}}, tmp_path / "a.pth")
    with zipfile.ZipFile(tmp_path / "a.pth") as whole, zipfile.ZipFile(tmp_path / "b.pth", "w") as short:
        for name in whole.namelist():
            content = whole.read(name)
            short.writestr(name, content[:8] if name.endswith("/data/0") else content)
    with pytest.raises(InputError, match="damaged"):
        read_tensors(tmp_path / "b.pth")


def test_files_that_are_no_checkpoints_are_refused(tmp_path):
    path = tmp_path / "some.pth"
    with pytest.raises(InputError, match="no file at"):
        read_tensors(path)
    path.write_bytes(pickle.dumps({"state_dict": {}}))
    with pytest.raises(InputError, match="not a checkpoint written by torch"):
        read_tensors(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "nothing")
    with pytest.raises(InputError, match="damaged"):
        read_tensors(path)
    torch.save([1, 2], path)
    with pytest.raises(InputError, match="no state dict"):
        read_tensors(path)
    torch.save({"state_dict": {"a": 3}}, path)
    with pytest.raises(InputError, match="is not a tensor"):
        read_tensors(path)


def test_a_truncated_file_is_refused(tmp_path):
    torch.save({"state_dict": {"a": torch.zeros(100)}}, tmp_path / "whole.pth")
    content = (tmp_path / "whole.pth").read_bytes()
    (tmp_path / "half.pth").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="download it again"):
        read_tensors(tmp_path / "half.pth")
