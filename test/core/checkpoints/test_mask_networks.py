import copy
import os
import pickle

import pytest
import torch

from autoseg3d_core.checkpoints.format import Checkpoint, save
from autoseg3d_core.checkpoints.mask_network import mask_network
from autoseg3d_core.checkpoints.network_file import read_network
from autoseg3d_core.mask_makers.fastsam_network import SMALL, empty_network
from autoseg3d_core.structures import InputError

tasks = pytest.importorskip("ultralytics.nn.tasks", reason="needs ultralytics: pip install ultralytics")


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(3)
    return empty_network()


def same(a, b):
    ours, theirs = a.state_dict(), b.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[k], theirs[k]) for k in ours)


def test_a_published_file_is_read_without_its_classes(tmp_path, network):
    torch.save({"model": network, "epoch": 3, "train_args": {"imgsz": 640}}, tmp_path / "a.pt")
    stored = read_network(tmp_path / "a.pt")
    assert stored.classes == 1
    assert same(mask_network(tmp_path / "a.pt"), network)


def test_half_precision_and_averaged_weights_are_taken(tmp_path, network):
    half = empty_network().half()
    torch.save({"model": None, "ema": half}, tmp_path / "a.pt")
    loaded = mask_network(tmp_path / "a.pt")
    assert same(loaded, half.float())
    assert next(loaded.parameters()).dtype == torch.float32


def test_our_own_file_gives_the_same_network(tmp_path, network):
    about = {"architecture": SMALL, "classes": 1}
    save(tmp_path / "a.safetensors", Checkpoint(network.state_dict(), about))
    assert same(mask_network(tmp_path / "a.safetensors"), network)


class Hostile:
    """Runs a command when it is unpickled."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return os.system, (f"touch {self.file}",)


@pytest.mark.parametrize("wrap", [lambda h: h, lambda h: {"model": h}, lambda h: {"model": [1, {"deep": h}]}])
def test_a_hostile_file_is_refused_and_runs_nothing(tmp_path, wrap):
    torch.save(wrap(Hostile(tmp_path / "ran")), tmp_path / "a.pt")
    with pytest.raises(InputError, match="do not trust"):
        mask_network(tmp_path / "a.pt")
    assert not (tmp_path / "ran").exists()


class Disguised:
    """Asks for a function that lies in torch itself."""

    def __reduce__(self):
        return torch.hub.load_state_dict_from_url, ("file:///nowhere",)


def test_a_function_of_torch_is_refused_too(tmp_path):
    torch.save({"model": Disguised()}, tmp_path / "a.pt")
    with pytest.raises(InputError, match="do not trust"):
        mask_network(tmp_path / "a.pt")


def test_a_pickle_with_an_archive_behind_it_runs_nothing(tmp_path):
    torch.save({"model": 1}, tmp_path / "plain.pt")
    pickled = pickle.dumps(Hostile(tmp_path / "ran"))
    (tmp_path / "a.pt").write_bytes(pickled + (tmp_path / "plain.pt").read_bytes())
    with pytest.raises(InputError, match=r"a\.pt"):
        mask_network(tmp_path / "a.pt")
    assert not (tmp_path / "ran").exists()


def test_a_torchscript_archive_is_refused_and_runs_nothing(hostile_archive):
    file, trap = hostile_archive
    with pytest.raises(InputError, match="do not trust"):
        mask_network(file)
    assert not trap.exists()


def described(network, **changes):
    return {**{k: v for k, v in network.yaml.items() if k != "yaml_file"}, **changes}


HOSTILE_TEXT = "__import__('pathlib').Path('ran').touch()"


@pytest.mark.parametrize(
    "change",
    [
        {"activation": HOSTILE_TEXT},
        {"activation": "nn.SiLU() or " + HOSTILE_TEXT},
        {"head": [[-1, 1, "run_module", []], [[15, 18, 21], 1, "Segment", ["nc", 32, 256]]]},
        {"anything": 1},
    ],
)
@pytest.mark.parametrize("kind", ["pt", "safetensors"])
def test_a_description_that_would_run_code_is_refused(tmp_path, monkeypatch, network, kind, change):
    monkeypatch.chdir(tmp_path)
    file, description = tmp_path / f"a.{kind}", described(network, **change)
    if kind == "pt":
        changed = copy.deepcopy(network)
        changed.yaml = description
        torch.save({"model": changed}, file)
    else:
        save(file, Checkpoint(network.state_dict(), {"architecture": description, "classes": 1}))
    with pytest.raises(InputError, match="do not trust"):
        mask_network(file)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["../elsewhere-seg.yaml", "/etc/x-seg.yaml", "yolo11n.yaml"])
def test_an_architecture_is_named_and_not_a_path(tmp_path, network, name):
    save(tmp_path / "a.safetensors", Checkpoint(network.state_dict(), {"architecture": name, "classes": 1}))
    with pytest.raises(InputError, match="not a network such as"):
        mask_network(tmp_path / "a.safetensors")


@pytest.mark.parametrize("name", ["yolov8n-seg.yaml", "yolo11n-seg.yaml", "yolo12n-seg.yaml"])
def test_networks_of_several_families_are_read(tmp_path, name):
    torch.save({"model": empty_network(name)}, tmp_path / "a.pt")
    assert mask_network(tmp_path / "a.pt").yaml["nc"] == 1


def test_a_head_of_another_kind_is_refused_by_name(tmp_path, network):
    other = described(network)
    other["head"] = [*other["head"][:-1], [[16, 19, 22], 1, "Segment26", ["nc", 32, 256]]]
    save(tmp_path / "a.safetensors", Checkpoint(network.state_dict(), {"architecture": other, "classes": 1}))
    with pytest.raises(InputError, match="Segment26"):
        mask_network(tmp_path / "a.safetensors")


def test_a_detection_network_has_no_masks(tmp_path):
    torch.save({"model": tasks.DetectionModel("yolo11n.yaml", verbose=False)}, tmp_path / "a.pt")
    with pytest.raises(InputError, match="no masks"):
        mask_network(tmp_path / "a.pt")


def test_a_misshapen_tensor_is_named(tmp_path, network):
    tensors = dict(network.state_dict())
    name = next(iter(tensors))
    tensors[name] = tensors[name][:1].clone()
    save(tmp_path / "a.safetensors", Checkpoint(tensors, {"architecture": SMALL, "classes": 1}))
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        mask_network(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.pt", b""),
        ("a.pt", b"PK\x03\x04 torn off"),
        ("a.pt", pickle.dumps({"model": 1})),
        ("a.safetensors", b"\x00" * 40),
    ],
)
def test_a_corrupt_file_is_named(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=name):
        mask_network(tmp_path / name)


@pytest.mark.parametrize("content", [{"model": {"a": torch.zeros(1)}}, {}, [1], {"state_dict": {}}])
def test_a_file_without_a_network_says_so(tmp_path, content):
    torch.save(content, tmp_path / "a.pt")
    with pytest.raises(InputError, match="no network"):
        mask_network(tmp_path / "a.pt")


def test_weights_of_another_network_of_ours_are_refused(tmp_path):
    save(tmp_path / "a.safetensors", Checkpoint({"x": torch.zeros(1)}, {"unet": "edge"}))
    with pytest.raises(InputError, match="another network"):
        mask_network(tmp_path / "a.safetensors")
