"""The colcon workspace: wheels mended, stand-ins chosen, packages built, environment written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

BASE = Path("build") / "ros"
STANDINS = Path("test") / "standins"
PACKAGE = (
    "CMakeLists.txt",
    "package.xml",
    "msg",
    "srv",
    "weights",
    "launch",
    "config",
    "demo",
    "scripts",
    "autoseg3d_core",
    "autoseg3d_ros",
)
"""What the ROS package is made of."""
PROVIDES = {
    "tf2_msgs": "tf2_msgs.msg",
    "vision_msgs": "vision_msgs.msg",
    "message_filters": "message_filters",
    "tf2_ros": "tf2_ros",
}
"""The stand-ins, and the module whose absence calls for each."""

OLD_FAST_DDS = ("humble", "iron", "jazzy")
"""Releases whose Fast DDS calls its profile by the name of before; later ones warn of that name."""


def real_ros_is_sourced() -> bool:
    """Tell whether a ROS 2 installation is sourced and this Python can import its rclpy."""
    if not os.environ.get("AMENT_PREFIX_PATH"):
        return False
    return (
        subprocess.run([sys.executable, "-c", "import rclpy"], capture_output=True, check=False).returncode
        == 0
    )


def mend_wheels(venv: Path) -> None:
    """Let the wheels' CMake files name this machine's include folders instead of their builder's."""
    packages = site_packages(venv)
    include = sysconfig.get_paths()["include"]
    numpy = str(packages / "numpy" / "_core" / "include")
    for path in (venv / "share").rglob("*.cmake"):
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
        if "/opt/python/" not in text:
            continue
        path.write_text(_mended(text, include, numpy), encoding="utf-8", errors="surrogateescape")


def _mended(text: str, include: str, numpy: str) -> str:
    text = re.sub(r"/opt/python/[^;\"\s]*/numpy/_core/include", numpy, text)
    return re.sub(r"/opt/python/[^;\"\s]*/include/python3\.\d+", include, text)


def missing_packages(root: Path, venv: Path, real_ros: bool) -> list[str]:
    """Return the names of the packages that cannot be imported without a stand-in."""
    environment = dict(os.environ) if real_ros else _clean_environment()
    missing = []
    for name, module in PROVIDES.items():
        command = [str(venv / "bin" / "python"), "-c", f"import {module}"]
        if subprocess.run(
            command, capture_output=True, env=environment, cwd=root / "msg", check=False
        ).returncode:
            missing.append(name)
    return missing


def sources(root: Path, standins: Sequence[str]) -> list[Path]:
    """Return the files whose change calls for a new build."""
    ours = [root / "CMakeLists.txt", root / "package.xml"]
    ours += [*(root / "msg").glob("*.msg"), *(root / "srv").glob("*.srv")]
    ours += [path for path in (root / "scripts").iterdir() if path.is_file()]
    theirs = [p for name in standins for p in (root / STANDINS / name).rglob("*") if p.is_file()]
    return ours + [path for path in theirs if "__pycache__" not in path.parts]


def build(root: Path, venv: Path, standins: Sequence[str], real_ros: bool) -> None:
    """Build the package and its stand-ins with colcon."""
    print("[setup] building the colcon workspace (a minute)", flush=True)
    base = root / BASE
    base.mkdir(parents=True, exist_ok=True)
    environment = dict(os.environ) if real_ros else {**_clean_environment(), "AMENT_PREFIX_PATH": str(venv)}
    environment["PATH"] = f"{venv / 'bin'}:{environment['PATH']}"
    environment["VIRTUAL_ENV"] = str(venv)
    paths = [str(_linked_source(root)), *(str(root / STANDINS / name) for name in standins)]
    command = [str(venv / "bin" / "python"), "-m", "colcon", "--log-base", str(base / "log"), "build"]
    command += ["--build-base", str(base / "build"), "--install-base", str(base / "install")]
    command += ["--merge-install", "--symlink-install", "--paths", *paths]
    command += ["--event-handlers", "console_direct-", "--cmake-args", "-DBUILD_TESTING=OFF"]
    command += [f"-DPython3_EXECUTABLE={venv / 'bin' / 'python'}"]
    done = subprocess.run(command, env=environment, text=True, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"colcon build failed:\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}")


def _linked_source(root: Path) -> Path:
    """Return a folder of links to the package: CMake refuses a source folder that holds the `.venv`."""
    folder = root / BASE / "src" / "autoseg3d"
    folder.mkdir(parents=True, exist_ok=True)
    for name in PACKAGE:
        link = folder / name
        if not link.is_symlink():
            link.symlink_to(root / name)
    return folder


def write_environment(root: Path, venv: Path, real_ros: bool, gl: dict[str, str]) -> None:
    """Write the file that `scripts/with_ros` sources: complete and ordered, so that overlays win."""
    install = root / BASE / "install"
    packages = install / "lib" / site_packages(venv).parent.name / "site-packages"
    python_path = f"{root}:{packages}" + (":$PYTHONPATH" if real_ros else "")
    prefixes = f"{install}:" + ("$AMENT_PREFIX_PATH" if real_ros else str(venv))
    libraries = [str(install / "lib"), *([] if real_ros else [str(venv / "lib")])]
    libraries += sorted(str(path) for path in site_packages(venv).glob("ros_*.libs"))
    libraries += [gl["library_path"]] if "library_path" in gl else []
    is_old = real_ros and os.environ.get("ROS_DISTRO") in OLD_FAST_DDS
    profile = f"{'FASTRTPS' if is_old else 'FASTDDS'}_DEFAULT_PROFILES_FILE"
    lines = [
        f"export PATH={venv / 'bin'}:$PATH",
        f"export PYTHONPATH={python_path}",
        f"export AMENT_PREFIX_PATH={prefixes}",
        f"export LD_LIBRARY_PATH={':'.join(libraries)}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}",
        *(["export _ROS_WHEELS_BOOTSTRAP_COMPLETE=1"] if not real_ros else []),
        "export ROS_PYTHON_CHECK_FIELDS=1",
        # Without it Fast DDS has no room for images, and loses them and the transforms between them.
        f"export {profile}=${{{profile}:-{root / 'config' / 'fastdds.xml'}}}",
        "export ROS_AUTOMATIC_DISCOVERY_RANGE=${ROS_AUTOMATIC_DISCOVERY_RANGE:-LOCALHOST}",
        "export ROS_DOMAIN_ID=${ROS_DOMAIN_ID:-$(( $$ % 100 + 1 ))}",
        *([f"export MUJOCO_GL=${{MUJOCO_GL:-{gl['backend']}}}"] if "backend" in gl else []),
    ]
    target = root / BASE / "environment.sh"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")


def site_packages(venv: Path) -> Path:
    """Return the virtual environment's site-packages."""
    return next((venv / "lib").glob("python3.*/site-packages"))


def _clean_environment() -> dict[str, str]:
    kept = dict(os.environ)
    for name in ("PYTHONPATH", "LD_LIBRARY_PATH", "AMENT_PREFIX_PATH", "_ROS_WHEELS_BOOTSTRAP_COMPLETE"):
        kept.pop(name, None)
    return kept
