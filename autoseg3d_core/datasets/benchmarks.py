"""Public data sets as they lie on a disk: where the scenes of a split are, and what classes are called."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from autoseg3d_core.datasets import scannet200
from autoseg3d_core.datasets.label_names import CEILING, SCANNET
from autoseg3d_core.datasets.source_options import SourceOptions
from autoseg3d_core.structures import InputError

LABEL_MAP = "scannetv2-labels.combined.tsv"
RAW_COLUMN = "raw_category"


@dataclass(frozen=True)
class LabelColumn:
    """The column of ScanNet's table of labels that says the class of an annotated name.

    `spelled` is what the column has for a class, where that is not the class's name; with `is_whole` the
    table has to have all of them.
    """

    column: str
    spelled: Mapping[str, str]
    is_whole: bool = False


@dataclass(frozen=True)
class Benchmark:
    """How a data set is laid out below its root, and what is scored.

    Scenes lie in one of `folders`. `splits` lists the scenes of a split by name; otherwise one of
    `split_files` does, a scene per line. `classes` are those that are scored, all but `ignored` if empty;
    `groups` are some of them whose mean is given too. With `labels`, annotated names become classes by
    ScanNet's table; otherwise they are the classes.
    """

    folders: tuple[str, ...] = (".",)
    split_files: tuple[str, ...] = ("{split}.txt", "splits/{split}.txt")
    splits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    ignored: tuple[str, ...] = CEILING
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    labels: LabelColumn | None = None
    options: SourceOptions = SourceOptions()


NYU40 = LabelColumn("nyu40class", {"refridgerator": "refrigerator"})
SCANNET200 = LabelColumn("id", {str(i): name for i, name in scannet200.CLASSES.items()}, is_whole=True)
SCANNET_FILES = ("scannetv2_{split}.txt", "{split}.txt", "splits/scannetv2_{split}.txt", "splits/{split}.txt")
SCENENN_TEST = ("015", "005", "030", "054", "322", "263", "243", "080", "089", "093", "096", "011")
BENCHMARKS = {
    "scannet": Benchmark(("scans", "."), SCANNET_FILES, classes=SCANNET, labels=NYU40),
    "scannet200": Benchmark(
        ("scans", "."),
        SCANNET_FILES,
        classes=tuple(scannet200.CLASSES.values()),
        groups=scannet200.GROUPS,
        labels=SCANNET200,
    ),
    "scenenn": Benchmark(splits={"test": SCENENN_TEST}),
    "3rscan": Benchmark(("scans", "."), ignored=(), options=SourceOptions(registration="resize")),
    "folders": Benchmark(),
}


def benchmark(name: str) -> Benchmark:
    """Return a data set by its name; raises `InputError` listing those known."""
    if name not in BENCHMARKS:
        raise InputError(f"--dataset {name}: no such data set; use one of {', '.join(BENCHMARKS)}")
    return BENCHMARKS[name]


def scenes_of_split(name: str, root: Path, split: str) -> dict[str, Path]:
    """Return the folder (or file) of each scene of a split, by the scene's name.

    `split` is a name or a file with a scene per line. Raises `InputError` where the split or all of its
    scenes are not there; scenes that are not there are returned where they were looked for last.
    """
    known = benchmark(name)
    if not root.is_dir():
        raise InputError(f"--root {root}: no such folder")
    names = _names(known, root, split)
    found = {scene: _place(known, root, scene) for scene in names}
    if not any(path.exists() for path in found.values()):
        where = ", ".join(str(root / folder) for folder in known.folders)
        raise InputError(f"--split {split}: none of its {len(names)} scenes lies in {where}")
    return found


def classes_of(name: str, root: Path, label_map: Path | None) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the classes that are scored, and the class of each annotated name (none: names are classes).

    Raises `InputError` where the data set needs its label map and it is not there.
    """
    known = benchmark(name)
    if known.labels is None and label_map is None:
        return known.classes, {}
    file = label_map or root / LABEL_MAP
    if not file.is_file():
        raise InputError(
            f"{file}: no such file: --dataset {name} needs it to know the classes (--label-map FILE)"
        )
    return known.classes, read_label_map(file, known.labels or NYU40)


def read_label_map(file: Path, labels: LabelColumn) -> dict[str, str]:
    """Return the class of each annotated name by ScanNet's table of labels."""
    with file.open(encoding="utf-8", errors="replace", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    if not rows or not {RAW_COLUMN, labels.column} <= set(rows[0]):
        raise InputError(f"{file}: has no columns {RAW_COLUMN} and {labels.column}: download it again")
    missing = labels.spelled.keys() - {row[labels.column] for row in rows}
    if labels.is_whole and missing:
        raise InputError(
            f"{file}: lacks {len(missing)} of the {len(labels.spelled)} classes: it is older than the "
            "benchmark, download it again"
        )
    return {row[RAW_COLUMN]: labels.spelled.get(row[labels.column], row[labels.column]) for row in rows}


def _names(known: Benchmark, root: Path, split: str) -> tuple[str, ...]:
    files = [Path(split), *(root / pattern.format(split=split) for pattern in known.split_files)]
    file = next((file for file in files if file.is_file()), None)
    if file is not None:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        names = tuple(dict.fromkeys(line.strip() for line in lines if line.strip()))
        if not names:
            raise InputError(f"{file}: names no scene; write one per line")
        if any(name.startswith(("/", "..")) for name in names):
            raise InputError(f"{file}: names scenes outside {root}; write names only")
        return names
    if split in known.splits:
        return known.splits[split]
    looked = ", ".join(str(file) for file in files[1:])
    raise InputError(f"--split {split}: not found; looked for a file of this name, and {looked}")


def _place(known: Benchmark, root: Path, scene: str) -> Path:
    places = [root / folder / scene for folder in known.folders]
    return next((place for place in places if place.exists()), places[-1])
