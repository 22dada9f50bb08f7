import importlib.abc
import json
import sys
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace

import pytest

from autoseg3d_core.cli import doctor, probes
from autoseg3d_core.cli.probes import BROKEN, MISSING, OK, STAND_IN, Finding
from autoseg3d_core.errors import InputError
from autoseg3d_core.simulation.gl_context import LIBRARIES


class Blocker(importlib.abc.MetaPathFinder):
    """Finds what other finders find, except for some packages."""

    def __init__(self, finders, names):
        self.finders, self.names = finders, names

    def find_spec(self, fullname, path=None, target=None):
        if fullname.split(".")[0] in self.names:
            return None
        found = (finder.find_spec(fullname, path, target) for finder in self.finders)
        return next((spec for spec in found if spec is not None), None)


@pytest.fixture
def without(monkeypatch):
    def block(*names):
        for module in [m for m in sys.modules if m.split(".")[0] in names]:
            monkeypatch.delitem(sys.modules, module)
        monkeypatch.setattr(sys, "meta_path", [Blocker(list(sys.meta_path), names)])

    return block


@pytest.fixture
def package(tmp_path, monkeypatch):
    def write(name, text="", folder="site-packages"):
        place = tmp_path / folder / name
        place.mkdir(parents=True)
        (place / "__init__.py").write_text(text)
        monkeypatch.syspath_prepend(str(tmp_path / folder))
        monkeypatch.setitem(sys.modules, name, None)  # restored afterwards, whatever is imported meanwhile
        del sys.modules[name]

    return write


def show(monkeypatch, capsys, findings, as_json=False):
    monkeypatch.setattr(doctor, "all_findings", lambda: findings)
    code = doctor.run(Namespace(json=as_json))
    return code, capsys.readouterr().out


@pytest.fixture(autouse=True)
def usual_python(monkeypatch):
    monkeypatch.setattr(probes, "_python", lambda: "python3")


def test_a_missing_library_comes_with_its_command(without):
    without("tqdm")
    finding = probes.library("tqdm", "tqdm", "tqdm", required=True)
    assert finding == Finding("tqdm", MISSING, "not installed", "python3 -m pip install tqdm", required=True)
    assert finding.stops


def test_an_installed_library_tells_its_version():
    import yaml

    finding = probes.library("PyYAML", "yaml", "pyyaml", required=True)
    assert (finding.state, finding.detail, finding.mend) == (OK, yaml.__version__, "")


def test_a_library_that_fails_to_import_is_broken_and_says_why(package):
    package("half_built", "raise AttributeError('_ARRAY_API not found')")
    finding = probes.library("half", "half_built", "half-built")
    assert finding.state == BROKEN
    assert "_ARRAY_API not found" in finding.detail
    assert "--force-reinstall half-built" in finding.mend


def test_without_rclpy_no_ros_package_is_required(without):
    without("rclpy", "tf2_ros")
    assert not probes.ros_package("tf2_ros", "tf2_ros").stops
    assert not probes.ros().stops


def test_beside_rclpy_a_missing_ros_package_stops(package, without, monkeypatch):
    monkeypatch.setenv("ROS_DISTRO", "jazzy")
    package("rclpy")
    without("tf2_ros")
    finding = probes.ros_package("tf2_ros", "tf2_ros")
    assert finding.stops
    assert finding.mend == "sudo apt install ros-jazzy-tf2-ros"


@pytest.mark.parametrize(
    ("folder", "state"),
    [("build/ros/install", STAND_IN), ("test/standins/pkg", STAND_IN), ("opt/ros/jazzy", OK)],
)
def test_a_stand_in_is_known_by_its_path(package, folder, state):
    package("vision_thing_msgs", folder=folder)
    assert probes.ros_package("vision_thing_msgs", "vision_thing_msgs").state == state


def test_our_messages_are_no_stand_in_for_themselves(package):
    package("own_messages", folder="build/ros")
    assert probes.ros_package(probes.OURS, "own_messages").state == OK


def test_a_probe_that_kills_its_process_is_told_of(monkeypatch):
    assert "ended with code" in probes._error_of("import os; os._exit(7)")
    monkeypatch.setattr(probes, "PROBE_TIMEOUT_S", 0.2)
    assert "no answer" in probes._error_of("import time; time.sleep(30)")


@pytest.mark.parametrize(("driver", "index"), [("/bin/nvidia-smi", False), (None, True)])
def test_without_torch_comes_the_command_for_what_fits_this_machine(without, monkeypatch, driver, index):
    without("torch")
    monkeypatch.setattr(probes.shutil, "which", lambda name: driver)
    for finding in (probes.cuda(), probes.torch()):
        assert finding.state == MISSING
        assert finding.mend.startswith("python3 -m pip install torch")
        assert finding.mend.endswith("whl/cpu") == index


def test_in_a_checkout_ros_comes_by_make_and_elsewhere_no_make_is_named(monkeypatch, without, tmp_path):
    without("rclpy")
    monkeypatch.delenv("ROS_DISTRO", raising=False)
    monkeypatch.setattr(
        probes, "Path", lambda path: tmp_path / "nowhere" if path == "/opt/ros" else Path(path)
    )
    assert probes.ros().mend == "make setup"
    monkeypatch.setattr(probes, "CHECKOUT", tmp_path)
    assert probes.ros().mend == ""
    monkeypatch.setattr(probes, "resource_path", lambda name: (_ for _ in ()).throw(InputError("gone")))
    assert "git" not in probes.recording().mend


def torch_with(available, cuda):
    return SimpleNamespace(
        cuda=SimpleNamespace(is_available=lambda: available, get_device_name=lambda index: "Some GPU"),
        version=SimpleNamespace(cuda=cuda),
    )


@pytest.mark.parametrize(
    ("torch", "driver", "state", "said"),
    [
        (torch_with(True, "12.6"), "/bin/nvidia-smi", OK, "Some GPU, CUDA 12.6"),
        (torch_with(False, None), None, MISSING, "no NVIDIA driver"),
        (torch_with(False, None), "/bin/nvidia-smi", MISSING, "for the CPU only"),
        (torch_with(False, "12.6"), "/bin/nvidia-smi", BROKEN, "finds no GPU"),
    ],
)
def test_the_gpu_is_named_or_the_reason_why_there_is_none(monkeypatch, torch, driver, state, said):
    monkeypatch.setattr(probes, "_is_there", lambda module: True)
    monkeypatch.setattr(probes, "_imported", lambda module: (torch, ""))
    monkeypatch.setattr(probes.shutil, "which", lambda name: driver)
    finding = probes.cuda()
    assert finding.state == state
    assert said in finding.detail


def test_a_missing_recording_is_told_of(monkeypatch, tmp_path):
    monkeypatch.setattr(probes, "resource_path", lambda name: tmp_path / name)
    assert probes.recording().detail == str(tmp_path / "demo/recording")

    def gone(name):
        raise probes.InputError("the bundled demo/recording is missing")

    monkeypatch.setattr(probes, "resource_path", gone)
    assert probes.recording().state == MISSING


def test_a_required_thing_missing_is_exit_code_1_with_its_command(monkeypatch, capsys):
    missing = Finding("torch", MISSING, "not installed", "python3 -m pip install torch", required=True)
    code, text = show(monkeypatch, capsys, [missing])
    assert code == 1
    assert "torch: python3 -m pip install torch" in text
    assert "needed but not usable: torch" in text


def test_an_optional_thing_missing_is_no_failure(monkeypatch, capsys):
    code, text = show(monkeypatch, capsys, [Finding("rerun", MISSING, "not installed", "python3 -m pip ...")])
    assert code == 0
    assert "everything needed is installed" in text


def test_json_has_every_finding(monkeypatch, capsys):
    code, text = show(monkeypatch, capsys, [Finding("rerun", STAND_IN, "somewhere")], as_json=True)
    assert code == 0
    assert json.loads(text) == [
        {"name": "rerun", "state": "stand-in", "detail": "somewhere", "mend": "", "required": False}
    ]


def test_paths_are_matched_by_whole_folders():
    assert not probes.is_stand_in(Path("/opt/rebuild/ros/x"))
    assert not probes.is_stand_in(Path("/opt/build/other/ros/x"))


def test_the_gl_probe_names_the_library_that_the_simulation_would_use(monkeypatch):
    pytest.importorskip("mujoco")
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    found = probes.gl()
    assert (found.state, found.detail) in {(OK, name) for name in LIBRARIES} or found.mend


def test_a_gl_library_that_does_not_exist_is_to_be_unset(monkeypatch):
    pytest.importorskip("mujoco")
    monkeypatch.setenv("MUJOCO_GL", "nonsense")
    assert probes.gl().mend == "unset MUJOCO_GL"


def test_the_python_that_is_named_is_the_one_that_runs(monkeypatch, tmp_path):
    monkeypatch.undo()  # of `usual_python`
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(probes.sys, "executable", str(tmp_path / ".venv" / "bin" / "python"))
    monkeypatch.setattr(probes.sys, "prefix", str(tmp_path / ".venv"))
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    assert probes._python() == ".venv/bin/python"
    monkeypatch.chdir("/usr")
    assert probes._python() == str(tmp_path / ".venv" / "bin" / "python")
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / ".venv"))  # activated
    assert probes._python() == "python3"
    monkeypatch.setattr(probes.sys, "prefix", sys.base_prefix)
    assert probes._python() == "python3"
