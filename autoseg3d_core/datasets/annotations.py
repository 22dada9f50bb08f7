"""How ScanNet, 3RScan and SceneNN annotate their meshes: files -> `AnnotatedMesh`."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64

from autoseg3d_core.datasets.annotated_mesh import AnnotatedMesh, MeshTruth
from autoseg3d_core.datasets.calibration_files import read_json
from autoseg3d_core.datasets.label_names import WALLS
from autoseg3d_core.datasets.ply_vertices import read_vertices
from autoseg3d_core.geometry.transforms import transform_points
from autoseg3d_core.structures import InputError


def scannet_alignment(folder: Path, scene: str) -> np.ndarray | None:
    """Return the turn that makes a ScanNet scene upright, from `<scene>.txt`; None where it is not told."""
    file = folder / f"{scene}.txt"
    if not file.is_file():
        return None
    lines = (line.partition("=") for line in file.read_text(encoding="utf-8", errors="replace").splitlines())
    values = next((value.split() for key, _, value in lines if key.strip() == "axisAlignment"), None)
    try:
        return None if values is None else np.array([float(value) for value in values]).reshape(4, 4)
    except ValueError as error:
        raise InputError(f"{file}: axisAlignment has to be 16 numbers ({error})") from error


def scannet_truth(folder: Path, scene: str, aligned_from_world: np.ndarray | None) -> MeshTruth | None:
    """Return the truth of a ScanNet scene, None where its mesh, segments or objects are not there."""
    mesh, segments, objects = (
        folder / f"{scene}{ending}"
        for ending in ("_vh_clean_2.ply", "_vh_clean_2.0.010000.segs.json", ".aggregation.json")
    )
    if not (mesh.is_file() and segments.is_file() and objects.is_file()):
        return None
    turn = np.eye(4) if aligned_from_world is None else aligned_from_world
    return MeshTruth(partial(_scannet_mesh, mesh, segments, objects, turn))


def _scannet_mesh(mesh: Path, segments: Path, objects: Path, turn: np.ndarray) -> AnnotatedMesh:
    vertices = read_vertices(mesh)
    segment = _segments(segments, len(vertices["x"]))
    names, known = np.unique(segment, return_inverse=True)
    object_of, labels = np.zeros(len(names), np.int64), {}
    for group in _entries(objects, "segGroups"):
        identity = int(group["objectId"]) + 1
        object_of[np.isin(names, group["segments"])] = identity
        labels[identity] = str(group["label"])
    return _annotated(vertices, object_of[known], labels, segment, turn)


def rescan_truth(folder: Path) -> MeshTruth | None:
    """Return the truth of a 3RScan scan, None where its annotated mesh or its labels are not there."""
    mesh, objects = folder / "labels.instances.annotated.v2.ply", folder / "semseg.v2.json"
    if not (mesh.is_file() and objects.is_file()):
        return None
    return MeshTruth(partial(_rescan_mesh, mesh, objects, folder / "mesh.refined.0.010000.segs.v2.json"))


def _rescan_mesh(mesh: Path, objects: Path, segments: Path) -> AnnotatedMesh:
    vertices = read_vertices(mesh)
    if "objectId" not in vertices:
        raise InputError(f"{mesh}: its vertices have no objectId: download it again")
    labels = {int(group["objectId"]): str(group["label"]) for group in _entries(objects, "segGroups")}
    count = len(vertices["x"])
    segment = _segments(segments, count) if segments.is_file() else np.full(count, -1)
    return _annotated(vertices, vertices["objectId"].astype(np.int64), labels, segment, np.eye(4))


def scenenn_truth(folder: Path) -> MeshTruth | None:
    """Return the truth of a SceneNN scene, None where no mesh and XML file of one name lie there."""
    file = next((xml for xml in sorted(folder.glob("*.xml")) if xml.with_suffix(".ply").is_file()), None)
    return MeshTruth(partial(_scenenn_mesh, file.with_suffix(".ply"), file)) if file else None


def _scenenn_mesh(mesh: Path, objects: Path) -> AnnotatedMesh:
    vertices = read_vertices(mesh)
    if "label" not in vertices:
        raise InputError(f"{mesh}: its vertices have no label: download the annotated mesh")
    try:
        found = ElementTree.parse(objects).iter("label")
        labels = {int(e.get("id", "0")): e.get("nyu_class") or e.get("text") or "" for e in found}
    except (ElementTree.ParseError, ValueError) as error:
        raise InputError(f"{objects}: is damaged ({error}): download it again") from error
    identity = vertices["label"].astype(np.int64)
    return _annotated(vertices, identity, labels, np.full(len(identity), -1), np.eye(4))


def _annotated(
    vertices: Mapping[str, np.ndarray],
    identity: Int64[np.ndarray, " vertices"],
    labels: Mapping[int, str],
    segment: Int64[np.ndarray, " vertices"],
    turn: np.ndarray,
) -> AnnotatedMesh:
    """Return the mesh with objects that have a label and are neither wall nor floor."""
    named = {i: label for i, label in labels.items() if i > 0 and label and label.lower() not in WALLS}
    names = tuple(sorted(set(named.values())))
    size = max([int(identity.max(initial=0)), *labels, 0]) + 1
    label_of = np.full(size, -1, np.int64)
    for i, label in named.items():
        label_of[i] = names.index(label)
    label = label_of[np.clip(identity, 0, None)]
    xyz = np.stack([vertices[axis] for axis in "xyz"], axis=1).astype(np.float64)
    colors = [vertices.get(name, np.full(len(xyz), 128)) for name in ("red", "green", "blue")]
    return AnnotatedMesh(
        transform_points(turn, xyz).astype(np.float32),
        np.stack(colors, axis=1).astype(np.uint8),
        np.where(label >= 0, identity, 0),
        label,
        segment.astype(np.int64),
        names,
    )


def _segments(file: Path, vertices: int) -> Int64[np.ndarray, " vertices"]:
    said = read_json(file)
    segments = np.array(said.get("segIndices", []) if isinstance(said, dict) else [], np.int64)
    if len(segments) != vertices:
        raise InputError(f"{file}: {len(segments)} segments for {vertices} vertices: download both again")
    return segments


def _entries(file: Path, key: str) -> list[dict[str, Any]]:
    said = read_json(file)
    entries = said.get(key) if isinstance(said, dict) else None
    wanted = {"objectId", "label"}
    if not isinstance(entries, list) or not all(isinstance(e, dict) and wanted <= set(e) for e in entries):
        raise InputError(f"{file}: has no {key} with objectId and label: download it again")
    return entries
