"""Installs the Python part with pip; the ROS package is built by colcon from CMakeLists.txt."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent
SHARE = "share/autoseg3d"
SHARED_FOLDERS = ("msg", "srv", "launch", "config", "weights", "demo/recording")

INTEL = "platform_machine == 'x86_64'"
EXTRAS = {
    # AGPL-3.0, see NOTICE; it asks for the OpenCV with windows, in the latest version unless that is limited
    "masks": ["ultralytics", "opencv-python>=4.6,<5"],
    "gpu": [  # built for CUDA and x86 only; the PyTorch backend runs anywhere
        f"spconv-cu120; python_version < '3.12' and {INTEL}",
        f"spconv-cu126; python_version >= '3.12' and {INTEL}",
    ],
    "triton": ["triton>=3; platform_system == 'Linux'"],  # comes with PyTorch for CUDA
    "cpu-sparse": [f"spconv>=2.3.8; {INTEL}"],
    "simulation": ["mujoco>=3.2"],
    "bags": ["rosbags>=0.10"],
    "completion": ["shtab>=1.7"],
    "realsense": ["pyrealsense2>=2.50"],
    "viewer": ["rerun-sdk>=0.20"],
    "evaluation": ["matplotlib>=3.5", "motmetrics>=1.4"],
    "dev": [
        "beartype",
        "matplotlib>=3.5",
        "motmetrics>=1.4",
        "mypy",
        "pytest>=8,<9",
        "pytest-timeout",
        "ruff",
    ],
}


def version() -> str:
    """Return the version of package.xml, the one place where it is written."""
    return ElementTree.parse(ROOT / "package.xml").findtext("version", default="")


def shared_files() -> list[tuple[str, list[str]]]:
    """Return the bundled files per folder, laid out where `autoseg3d_core.resources` looks for them."""
    found = (path for name in SHARED_FOLDERS for path in sorted((ROOT / name).rglob("*")))
    files = [path for path in found if path.is_file() and path.suffix != ".pyc"]
    folders = dict.fromkeys(path.parent.relative_to(ROOT).as_posix() for path in files)
    return [
        (f"{SHARE}/{folder}", [str(p.relative_to(ROOT)) for p in files if p.parent == ROOT / folder])
        for folder in folders
    ]


setup(
    name="autoseg3d-core",
    version=version(),
    description="Online 3D instance segmentation of RGB-D streams: tracked objects with persistent ids",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=["autoseg3d_core*", "autoseg3d_ros*"]),
    data_files=shared_files(),
    install_requires=[
        "jaxtyping>=0.2.25",
        "numpy>=1.23",
        "opencv-python-headless>=4.6,<5",
        "pooch>=1.5",
        "pyyaml>=5.4",
        "safetensors>=0.4",
        "scipy>=1.9",
        "torch>=2.1",
        "tqdm>=4.60",
    ],
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["autoseg3d = autoseg3d_core.cli.__main__:main"]},
)
