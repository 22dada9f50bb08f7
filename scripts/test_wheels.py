"""Installs the wheel with each extra in a clean environment, and runs what a new user would run first.

    python3 scripts/test_wheels.py [EXTRA ...] [--keep FOLDER]

An extra may be several, joined by commas. Without any, each of them is tried alone, and those of the README
together. PyTorch comes without CUDA. Needs the network, or pip's cache; some minutes for each extra.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
SMALL = ["--set", "model.name=overlap", "masks.name=geometric"]
TRAIN = ["masks.scenes=1", "masks.frames_per_scene=4", "masks.render_width=160", "masks.batch=2"]
TRAIN += ["masks.height=96", "masks.width=128", "loop.steps=2", "loop.workers=0"]
FIRST_TRAINING = [
    "train",
    "--config",
    "{share}/config/train_masks.yaml",
    "--out",
    "training",
    "--set",
    *TRAIN,
]
FIRST = {
    "": [["--version"], ["doctor"], ["config", "show", "tracks"]],
    "bags": [["replay", "{share}/demo/recording", "--out", "bag", "--limit", "3"]],
    "simulation": [["replay", "simulation:5000", "--out", "room", "--limit", "3", *SMALL]],
    "masks": [["doctor"]],
    "cpu-sparse": [["doctor"]],
    "evaluation": [["doctor"], ["evaluate", "--help"]],
    "realsense": [["doctor"]],
    "completion": [["completion", "bash"]],
    "viewer": [["doctor"]],
    "masks,simulation,bags": [["doctor"], FIRST_TRAINING],
}
"""What has to end well with each extra; `gpu` needs a GPU, and `dev` is for a checkout."""
FORBIDDEN = ("broken", "make setup", "Traceback", "Segmentation fault")
"""What none of our commands may print."""


def main() -> int:
    """Try the extras; returns how many failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("extras", nargs="*", help=f"any of {', '.join(filter(None, FIRST))}")
    parser.add_argument("--keep", type=Path, help="folder for the environments, which are otherwise removed")
    args = parser.parse_args()
    unknown = set(args.extras) - set(FIRST)
    if unknown:
        parser.error(f"nothing is known to try with {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory(prefix="autoseg3d_wheels_") as scratch:
        (args.keep or Path(scratch)).mkdir(parents=True, exist_ok=True)
        wheel = build_wheel(Path(scratch))
        tried = {extra: said(wheel, extra, args.keep or Path(scratch)) for extra in args.extras or FIRST}
    for extra, error in tried.items():
        print(f"{extra or 'no extra'}: {error or 'ok'}")
    return sum(bool(error) for error in tried.values())


def build_wheel(folder: Path) -> Path:
    """Build the wheel of this checkout from a copy, so that nothing is left in it."""
    copy = folder / "source"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder), str(copy)], folder)
    return next(folder.glob("*.whl"))


def said(wheel: Path, extra: str, folder: Path) -> str:
    """Return what went wrong with an extra, nothing if all went well."""
    print(f"== {extra or 'no extra'}", flush=True)
    begin = time.monotonic()
    place = folder / f"with_{extra.replace(',', '_') or 'nothing'}"
    shutil.rmtree(place, ignore_errors=True)
    run([sys.executable, "-m", "venv", str(place)], folder)
    pip = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    wanted = f"autoseg3d-core[{extra}] @ file://{wheel}" if extra else str(wheel)
    try:
        run(
            [*pip, "torch", "torchvision", "--retries", "1", "--index-url", CPU_INDEX],
            place,
            fallback=[*pip, "torch"],
        )
        run([*pip, wanted], place)
        for words in FIRST[extra]:
            words = [word.format(share=place / "share" / "autoseg3d") for word in words]
            run([str(place / "bin" / "autoseg3d"), *words], place, forbidden=FORBIDDEN)
    except RuntimeError as error:
        return str(error)
    finally:
        print(f"   {time.monotonic() - begin:.0f} s", flush=True)
    return ""


def run(
    command: list[str], place: Path, fallback: list[str] | None = None, forbidden: tuple[str, ...] = ()
) -> None:
    """Run a command in a folder and an environment of its own; raises `RuntimeError` if it fails.

    Forbidden words in its output are a failure too.
    """
    print(f"   {' '.join(Path(word).name if i == 0 else word for i, word in enumerate(command))}", flush=True)
    own = ("PYTHONPATH", "AMENT_PREFIX_PATH", "VIRTUAL_ENV", "ROS_DISTRO", "LD_LIBRARY_PATH", "MUJOCO_GL")
    environment = {name: value for name, value in os.environ.items() if name not in own}
    done = subprocess.run(command, cwd=place, env=environment, text=True, capture_output=True, check=False)
    if done.returncode and fallback:
        run(fallback, place)
        return
    output = done.stdout + done.stderr
    found = [word for word in forbidden if word in output]
    if done.returncode or found:
        raise RuntimeError(f"{command[1:]} ended with {done.returncode} {found or ''}:\n{output[-3000:]}")


if __name__ == "__main__":
    sys.exit(main())
