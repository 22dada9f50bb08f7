"""Weights by path, by the name of a bundled file, or by the name of one that was fetched before.

Nothing is fetched but by `fetch`, which a person asks for.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from autoseg3d_core.resources import resource_path
from autoseg3d_core.structures import InputError

ENDINGS = (".safetensors", ".pt", ".pth")
AGPL = "AGPL-3.0 (Ultralytics): see NOTICE"
APACHE = "Apache-2.0"


@dataclass(frozen=True)
class PublishedWeights:
    """Weights that somebody publishes: where, under which licence, and what they are."""

    url: str
    licence: str
    about: str

    @property
    def file_name(self) -> str:
        """Return the name of the file."""
        return self.url.rsplit("/", 1)[-1]


_ASSETS = "https://github.com/ultralytics/assets/releases/download/v8.3.0/"
PUBLISHED = {
    "fastsam-s": PublishedWeights(_ASSETS + "FastSAM-s.pt", AGPL, "FastSAM, small"),
    "fastsam-x": PublishedWeights(
        _ASSETS + "FastSAM-x.pt", AGPL, "FastSAM, large: what ESAM was trained with"
    ),
    "mobile-sam": PublishedWeights(_ASSETS + "mobile_sam.pt", APACHE, "MobileSAM"),
    "sam-b": PublishedWeights(_ASSETS + "sam_b.pt", APACHE, "SAM, ViT-B"),
    "sam2-t": PublishedWeights(_ASSETS + "sam2_t.pt", APACHE, "SAM 2, tiny"),
}

BUNDLED = {
    "masks-edge": "2D masks from colour and depth, trained on simulated rooms; needs nothing but torch",
    "fastsam-edge": "a small FastSAM for 320 pixels, trained on simulated rooms",
    "autoseg3d-edge": "AutoSeg3D on the edge U-Net, trained on simulated rooms",
    "samosaic3d-edge": "SAMosaic3D by pairs on the same U-Net, trained on simulated rooms",
    "esam-edge": "ESAM on the same U-Net and the same rooms, to compare with",
}
"""What comes with the package, and what it is: docs/models/NAME.md has the card."""


def cache_folder() -> Path:
    """Return where fetched weights lie: `$AUTOSEG3D_WEIGHTS`, or the user's cache."""
    chosen = os.environ.get("AUTOSEG3D_WEIGHTS")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(chosen) if chosen else Path(base) / "autoseg3d" / "weights"


def weights_path(name: str) -> Path:
    """Return the file of some weights; raises `InputError` that says how to get them when there is none."""
    given = Path(name).expanduser()
    if given.suffix in ENDINGS:
        if given.is_file():
            return given
        raise InputError(f"no weights at {name}: check the path")
    if name in PUBLISHED:
        fetched = cache_folder() / PUBLISHED[name].file_name
        if fetched.is_file():
            return fetched
        raise InputError(f"the weights {name} have not been fetched: run `autoseg3d weights {name}`")
    try:
        return resource_path(f"weights/{name}.safetensors")
    except InputError as error:
        known = ", ".join(PUBLISHED)
        raise InputError(
            f"no weights are called {name!r}: give the path of a .safetensors or .pt file, a bundled name, "
            f"or one that `autoseg3d weights` can fetch ({known})"
        ) from error


def fetch(name: str, sha256: str = "") -> tuple[Path, str]:
    """Fetch published weights into the cache, unless they are there; return the file and its sha256.

    Raises `InputError` for an unknown name, when it cannot be reached, and for another sha256 than the one
    that is given; nothing is kept then.
    """
    import pooch  # here, because only who fetches needs it

    if name not in PUBLISHED:
        raise InputError(f"no weights called {name!r} to fetch: there are {', '.join(PUBLISHED)}")
    published, folder = PUBLISHED[name], cache_folder()
    pooch.get_logger().setLevel("WARNING")
    expected = f"sha256:{sha256.lower()}" if sha256 else None
    try:
        target = Path(pooch.retrieve(published.url, expected, published.file_name, folder))
    except OSError as error:
        raise InputError(
            f"{published.url} cannot be fetched ({error}): fetch it elsewhere and put it into {folder}"
        ) from error
    except ValueError as error:
        raise InputError(f"{published.url} has not the sha256 {sha256}: do not trust it ({error})") from error
    return target, sha256_of(target)


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file."""
    total = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            total.update(block)
    return total.hexdigest()
