"""Sets up everything that `make demo` and `make test` need: no root rights, nothing installed elsewhere.

    python3 scripts/setup_environment.py

Makes `.venv` with pinned packages; takes a sourced ROS 2, or else ROS 2 Kilted from Python wheels; builds
the colcon workspace under `build/ros`, with stand-ins for the ROS packages that cannot be imported; and
writes `build/ros/environment.sh`, which `scripts/with_ros` sources. Steps whose inputs have not changed are
skipped.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import gl_library
import ros_workspace

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMPS = VENV / "stamps"
REQUIREMENTS = ROOT / "scripts" / "requirements"
OLDEST_PYTHON = (3, 10)


def main() -> int:
    """Run the steps that are due; returns 0 when the environment is ready."""
    begin = time.monotonic()
    check_tools()
    real_ros = ros_workspace.real_ros_is_sourced()
    install_packages(with_ros_wheels=not real_ros)
    python = VENV / "bin" / "python"
    if not real_ros:
        ros_workspace.mend_wheels(VENV)
    gl = gl_library.provide(VENV, python)
    standins = ros_workspace.missing_packages(ROOT, VENV, real_ros)
    sources = ros_workspace.sources(ROOT, standins)
    once("workspace", digest(sources), lambda: ros_workspace.build(ROOT, VENV, standins, real_ros))
    ros_workspace.write_environment(ROOT, VENV, real_ros, gl)
    print(
        f"ROS 2: {'the sourced installation' if real_ros else 'Python wheels (Kilted)'}; "
        f"stand-ins: {', '.join(standins) or 'none'}"
    )
    print(f"environment ready in {time.monotonic() - begin:.0f} s")
    return 0


def check_tools() -> None:
    """Stop with the remedy when this Python is too old or a build tool is missing."""
    if sys.version_info < OLDEST_PYTHON:
        sys.exit(
            f"Python {'.'.join(map(str, OLDEST_PYTHON))} or newer is needed, this is {sys.version.split()[0]}"
        )
    missing = [tool for tool in ("git", "gcc", "g++", "cmake", "make") if shutil.which(tool) is None]
    if missing:
        sys.exit(f"missing: {', '.join(missing)}; on Debian or Ubuntu: sudo apt install git g++ cmake make")


def install_packages(with_ros_wheels: bool) -> None:
    """Make the virtual environment and install the pinned packages."""
    lists, constraints = requirements(with_ros_wheels)
    if not (VENV / "bin" / "python").exists():
        system = [] if with_ros_wheels else ["--system-site-packages"]
        say("making .venv")
        run([sys.executable, "-m", "venv", *system, str(VENV)])
    (VENV / "COLCON_IGNORE").touch()
    masks = REQUIREMENTS / "masks.txt"
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet", "--retries", "5"]
    pip += ["--disable-pip-version-check"]
    command = [*pip, "--prefer-binary", "setuptools<80"]
    for path in constraints:
        command += ["-c", str(path)]
    for path in lists:
        command += ["-r", str(path)]

    def install() -> None:
        say("installing the pinned packages (about 2 GB with torch and ROS; minutes)")
        run(command, attempts=3)
        run([*pip, "--no-deps", "-r", str(masks)], attempts=3)

    once("packages", digest([*lists, *constraints, masks]), install)


def requirements(with_ros_wheels: bool) -> tuple[list[Path], list[Path]]:
    """Return the lists of packages and of pins: exact beside the wheels, and none beside a sourced ROS."""
    if not with_ros_wheels:
        return [REQUIREMENTS / "sourced_ros.txt"], []
    names = ("core.txt", "development.txt", "ros.txt")
    return [REQUIREMENTS / name for name in names], [REQUIREMENTS / "constraints.txt"]


def once(name: str, key: str, step: Callable[[], None]) -> None:
    """Run a step unless it has already been done for inputs of this digest."""
    stamp = STAMPS / name
    if stamp.exists() and stamp.read_text() == key:
        return
    step()
    STAMPS.mkdir(parents=True, exist_ok=True)
    stamp.write_text(key)


def digest(paths: Iterable[Path]) -> str:
    """Return a digest of files' names and contents, and of where the checkout lies."""
    total = hashlib.sha256(str(ROOT).encode())
    for path in sorted(paths):
        total.update(str(path.relative_to(ROOT)).encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def run(command: list[str], attempts: int = 1) -> None:
    """Run a command; after the last failed attempt stop with what it printed."""
    for attempt in range(1, attempts + 1):
        done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode == 0:
            return
        if attempt < attempts:
            say(f"attempt {attempt} of {attempts} failed, trying again")
            time.sleep(5)
    sys.exit(f"{' '.join(command[:4])} ... failed:\n{done.stdout[-4000:]}")


def say(text: str) -> None:
    """Show progress at once."""
    print(f"[setup] {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
