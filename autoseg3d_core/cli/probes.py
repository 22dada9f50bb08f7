"""What is installed here: one small probe per thing, each of which tells what it found and what mends it."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from autoseg3d_core.errors import InputError
from autoseg3d_core.resources import resource_path

OK, STAND_IN, MISSING, BROKEN = "ok", "stand-in", "missing", "broken"
OLDEST_PYTHON = (3, 10)
OURS = "autoseg3d"
"""The package with our messages; in a checkout it lies beside the stand-ins."""
STAND_IN_FOLDERS = (("build", "ros"), ("test", "standins"))
"""Consecutive folders in the path of a module that replaces a ROS package."""
PROBE_TIMEOUT_S = 60
CPU_TORCH = "torch --index-url https://download.pytorch.org/whl/cpu"
"""Without a GPU: the usual wheels bring CUDA along, 6 GB of it."""
CHECKOUT = Path(__file__).resolve().parents[2]
"""The root of a checkout, if this is one."""
GL_CONTEXT = "from autoseg3d_core.simulation.gl_context import make_context; make_context(32, 32).free()"


@dataclass(frozen=True)
class Finding:
    """What a probe found: a state, words about it, and the one command that mends it."""

    name: str
    state: str
    detail: str
    mend: str = ""
    required: bool = False

    @property
    def stops(self) -> bool:
        """Whether autoseg3d cannot run like this."""
        return self.required and self.state in (MISSING, BROKEN)


def all_findings() -> list[Finding]:
    """Run every probe."""
    return [probe() for probe in PROBES]


def python() -> Finding:
    """Probe the interpreter."""
    fits = sys.version_info[:2] >= OLDEST_PYTHON
    mend = "" if fits else f"sudo apt install python{OLDEST_PYTHON[0]}.{OLDEST_PYTHON[1]}"
    detail = f"{platform.python_version()} on {platform.machine()}"
    return Finding("Python", OK if fits else BROKEN, detail, mend, required=True)


def library(name: str, module: str, package: str, required: bool = False) -> Finding:
    """Probe a Python package by importing it; `package` is what pip installs."""
    if not _is_there(module):
        return Finding(name, MISSING, "not installed", _pip(package), required)
    found, error = _imported(module)
    if error:
        return Finding(name, BROKEN, error, _pip(package, "--force-reinstall"), required)
    return Finding(name, OK, _version(found, package), required=required)


def ros_package(name: str, module: str, required: bool = True) -> Finding:
    """Probe a ROS package; needed only where there is an rclpy, without which the core runs alone."""
    mend, needed = _ros_mend(name), required and _is_there("rclpy")
    if not _is_there(module):
        return Finding(name, MISSING, "not in this environment", mend, needed)
    found, error = _imported(module)
    if error:
        return Finding(name, BROKEN, error, mend, needed)
    place = _place(found)
    return Finding(name, STAND_IN if name != OURS and is_stand_in(place) else OK, str(place), required=needed)


def ros() -> Finding:
    """Probe rclpy and name the ROS distribution."""
    finding = ros_package("rclpy", "rclpy")
    if finding.state != OK:
        return finding
    distro = os.environ.get("ROS_DISTRO", "")
    return Finding(
        "rclpy", OK, f"ROS 2 {distro}" if distro else f"ROS 2 as Python wheels {_wheel('ros-rclpy')}"
    )


def torch() -> Finding:
    """Probe torch; where there is no GPU, a build without CUDA is enough."""
    return library("torch", "torch", "torch" if _has_driver() else CPU_TORCH, required=True)


def cuda() -> Finding:
    """Probe the GPU as torch sees it, or say why there is none."""
    if not _is_there("torch"):
        return Finding("CUDA", MISSING, "torch is missing", _pip("torch" if _has_driver() else CPU_TORCH))
    found, error = _imported("torch")
    if error:
        return Finding("CUDA", MISSING, error, _pip("torch", "--force-reinstall"))
    if found.cuda.is_available():
        return Finding("CUDA", OK, f"{found.cuda.get_device_name(0)}, CUDA {found.version.cuda}")
    if not _has_driver():
        return Finding("CUDA", MISSING, "no NVIDIA driver: the core computes on the CPU")
    if found.version.cuda is None:
        mend = _pip("torch", "--force-reinstall")
        return Finding("CUDA", MISSING, "this torch is built for the CPU only", mend)
    return Finding("CUDA", BROKEN, f"torch for CUDA {found.version.cuda} finds no GPU", "nvidia-smi")


def spconv() -> Finding:
    """Probe spconv, and whether it is built for the GPU; the PyTorch backend works without."""
    gpu = "spconv-cu120" if sys.version_info < (3, 12) else "spconv-cu126"
    if platform.machine() != "x86_64":
        return Finding("spconv", MISSING, "no build for this processor: the PyTorch backend is used")
    finding = library("spconv", "spconv.pytorch", "spconv")
    if finding.state != OK:
        return finding
    for_cpu = importlib.import_module("spconv.cppconstants").CPU_ONLY_BUILD
    on_gpu = cuda().state == OK
    build = "CPU build" if for_cpu else "GPU build"
    mend = _pip(gpu) if for_cpu and on_gpu else ""
    return Finding("spconv", OK, f"{_version(None, 'spconv', gpu)}, {build}", mend)


def gl() -> Finding:
    """Probe the library with which MuJoCo renders."""
    if not _is_there("mujoco"):
        return Finding("GL", MISSING, "MuJoCo is missing", _pip("mujoco"))
    error = _error_of(GL_CONTEXT)
    if error:
        is_chosen = "MUJOCO_GL" in os.environ
        return Finding("GL", BROKEN, error, "unset MUJOCO_GL" if is_chosen else "sudo apt install libegl1")
    from autoseg3d_core.simulation.gl_context import available_backend  # heavy

    return Finding("GL", OK, available_backend())


def recording() -> Finding:
    """Probe the bundled recording that the demo plays."""
    try:
        return Finding("demo recording", OK, str(resource_path("demo/recording")))
    except InputError as error:
        mend = (
            "git checkout -- demo/recording" if _is_checkout() else _pip(".", "--force-reinstall --no-deps")
        )
        return Finding("demo recording", MISSING, _short(str(error)), mend)


def is_stand_in(place: Path) -> bool:
    """Tell whether a module comes from the tests' replacements of ROS packages."""
    return any(pair in STAND_IN_FOLDERS for pair in zip(place.parts, place.parts[1:], strict=False))


def _is_there(module: str) -> bool:
    return importlib.util.find_spec(module.split(".")[0]) is not None


def _imported(module: str) -> tuple[Any, str]:
    """Return the module and no error, or none and the error: a broken build may raise anything."""
    try:
        return importlib.import_module(module), ""
    except Exception as error:
        return None, _short(f"{type(error).__name__}: {error}")


def _error_of(code: str) -> str:
    """Return how code ends in a process of its own, which a wrong build may kill; nothing when well."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {PROBE_TIMEOUT_S} s"
    if done.returncode == 0:
        return ""
    lines = done.stderr.strip().splitlines() or [f"ended with code {done.returncode}"]
    return _short(next((line for line in lines if "Error" in line), lines[-1]))


def _short(text: str, longest: int = 120) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 3] + "..."


def _version(module: Any, *packages: str) -> str:
    known = getattr(module, "__version__", None)
    return str(known) if known else next(filter(None, map(_wheel, packages)), "installed")


def _wheel(package: str) -> str:
    try:
        return importlib.metadata.version(package.split("<")[0].split(">")[0])
    except importlib.metadata.PackageNotFoundError:
        return ""


def _place(module: Any) -> Path:
    return Path(module.__file__).parent if module.__file__ else Path(next(iter(module.__path__)))


def _pip(package: str, *options: str) -> str:
    return " ".join([f"{_python()} -m pip install", *options, f"'{package}'" if "<" in package else package])


def _python() -> str:
    """Return what to type for the Python that runs: another one's packages do not help."""
    if sys.prefix in (sys.base_prefix, os.environ.get("VIRTUAL_ENV")):
        return "python3"
    here = Path(sys.executable)
    return str(here.relative_to(Path.cwd())) if here.is_relative_to(Path.cwd()) else str(here)


def _is_checkout() -> bool:
    return (CHECKOUT / "Makefile").is_file()


def _has_driver() -> bool:
    return shutil.which("nvidia-smi") is not None


def _ros_mend(name: str) -> str:
    distro = os.environ.get("ROS_DISTRO", "")
    if distro and name != OURS:
        return f"sudo apt install ros-{distro}-{name.replace('_', '-')}"
    if distro:
        return "colcon build --packages-select autoseg3d && . install/setup.sh"
    installed = sorted(Path("/opt/ros").glob("*/setup.sh"))
    if installed:
        return f". {installed[-1]}"
    return "make setup" if _is_checkout() else ""  # the core runs without


PROBES: tuple[Callable[[], Finding], ...] = (
    python,
    ros,
    *(
        partial(ros_package, name, module)
        for name, module in (
            (OURS, "autoseg3d.msg"),
            ("message_filters", "message_filters"),
            ("tf2_ros_py", "tf2_ros"),
        )
    ),
    partial(ros_package, "vision_msgs", "vision_msgs.msg", required=False),
    torch,
    cuda,
    spconv,
    partial(library, "NumPy", "numpy", "numpy", required=True),
    partial(library, "OpenCV", "cv2", "opencv-python-headless<5", required=True),
    partial(library, "SciPy", "scipy", "scipy", required=True),
    partial(library, "PyYAML", "yaml", "pyyaml", required=True),
    partial(library, "jaxtyping", "jaxtyping", "jaxtyping", required=True),
    partial(library, "safetensors", "safetensors", "safetensors", required=True),
    partial(library, "tqdm", "tqdm", "tqdm", required=True),
    partial(library, "ultralytics", "ultralytics", "ultralytics"),
    partial(library, "MuJoCo", "mujoco", "mujoco"),
    gl,
    partial(library, "rosbags", "rosbags", "rosbags"),
    partial(library, "rerun", "rerun", "rerun-sdk"),
    partial(library, "motmetrics", "motmetrics", "motmetrics"),
    partial(library, "Matplotlib", "matplotlib", "matplotlib"),
    recording,
)
"""Every probe, in the order of the table."""
