"""The GL library that MuJoCo renders with: the system's, or OSMesa fetched without root rights."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

PROBE = "import mujoco; c = mujoco.GLContext(32, 32); c.make_current(); c.free()"
PACKAGES = [
    "libosmesa6",
    "libglapi-mesa",
    "libllvm15",
    "libdrm2",
    "libxml2",
    "libedit2",
    "libbsd0",
    "libmd0",
    "libicu72",
    "libsensors5",
    "libz3-4",
    "libtinfo6",
    "libelf1",
    "zlib1g",
    "libzstd1",
]
"""OSMesa and what it needs, under their names in Debian 12."""


def provide(venv: Path, python: Path) -> dict[str, str]:
    """Return the `backend` for MUJOCO_GL and, if it was fetched, its `library_path`; or nothing."""
    wanted = os.environ.get("MUJOCO_GL")
    for backend in (wanted,) if wanted else ("egl", "osmesa"):
        if _works(python, backend):
            return {"backend": backend}
    folder = venv / "gl"
    library_path = ":".join(sorted({str(path.parent) for path in folder.rglob("*.so.*")}))
    if not library_path and shutil.which("apt-get") and shutil.which("dpkg"):
        library_path = _fetch(folder)
    if library_path and _works(python, "osmesa", library_path):
        return {"backend": "osmesa", "library_path": library_path}
    print(
        "[setup] no GL library: simulated rooms cannot be rendered and their tests skip; "
        "install libegl1 or libosmesa6 to have them",
        flush=True,
    )
    return {}


def _works(python: Path, backend: str, library_path: str = "") -> bool:
    environment = {**os.environ, "MUJOCO_GL": backend, "PYOPENGL_PLATFORM": backend}
    if library_path:
        environment["LD_LIBRARY_PATH"] = library_path
    done = subprocess.run([str(python), "-c", PROBE], env=environment, capture_output=True, check=False)
    return done.returncode == 0


def _fetch(folder: Path) -> str:
    """Download OSMesa and what it needs with apt-get into a folder of ours; return where libraries lie."""
    print("[setup] fetching OSMesa for rendering without a GPU", flush=True)
    state, cache = folder / "apt" / "lists", folder / "apt" / "archives"
    for path in (state / "partial", cache / "partial"):
        path.mkdir(parents=True, exist_ok=True)
    options = ["-q", "-o", f"Dir::State::Lists={state}", "-o", f"Dir::Cache={folder / 'apt'}"]
    options += ["-o", "APT::Sandbox::User=", "-o", "Debug::NoLocking=1"]
    update = subprocess.run(["apt-get", *options, "update"], capture_output=True, check=False)
    if update.returncode:
        return ""
    for package in PACKAGES:  # one by one: names differ between releases
        subprocess.run(
            ["apt-get", *options, "download", package], cwd=cache, capture_output=True, check=False
        )
    for package in cache.glob("*.deb"):
        subprocess.run(["dpkg", "-x", str(package), str(folder / "root")], capture_output=True, check=False)
    return ":".join(sorted({str(path.parent) for path in (folder / "root").rglob("*.so.*")}))
