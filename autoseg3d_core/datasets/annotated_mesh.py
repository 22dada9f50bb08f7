"""A reconstructed mesh whose vertices are annotated, as the truth of a recording."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float32, Int64, UInt8
from scipy.spatial import cKDTree

from autoseg3d_core.structures import Frame, FrameTruth, LabelledCloud, SceneTruth

NEAR_M = 0.1
"""How far from the mesh a reading may lie to belong to what is annotated there."""


@dataclass(frozen=True, eq=False)
class AnnotatedMesh:
    """Vertices in the recording's world, each with its object (from 1, 0 none), label (-1 none) and segment.

    A label is an index into `label_names`. Segments are those on which the annotation was made, -1 none.
    """

    xyz: Float32[np.ndarray, "vertices 3"]
    rgb: UInt8[np.ndarray, "vertices 3"]
    instance: Int64[np.ndarray, " vertices"]
    label: Int64[np.ndarray, " vertices"]
    segment: Int64[np.ndarray, " vertices"]
    label_names: tuple[str, ...]


class MeshTruth:
    """Tells what is in a frame by the nearest vertex of each reading; reads the mesh when first asked."""

    def __init__(self, load: Callable[[], AnnotatedMesh]) -> None:
        self._load = load

    @cached_property
    def mesh(self) -> AnnotatedMesh:
        """The mesh."""
        return self._load()

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.mesh.xyz)

    def of_frame(self, index: int, frame: Callable[[], Frame]) -> FrameTruth:
        """Return the object of each pixel with depth; its parts are the objects, as no mesh has others."""
        seen = frame()
        camera, pose = seen.camera, seen.world_from_camera
        rows, columns = np.nonzero(seen.depth > 0)
        z = seen.depth[rows, columns].astype(np.float64)
        points = np.stack(
            [(columns - camera.cx) / camera.fx * z, (rows - camera.cy) / camera.fy * z, z], axis=1
        )
        _, nearest = self._tree.query(
            points @ pose[:3, :3].T + pose[:3, 3], distance_upper_bound=NEAR_M, workers=-1
        )
        instance = np.zeros(seen.depth.shape, np.int32)
        instance[rows, columns] = np.append(self.mesh.instance, 0)[nearest]
        return FrameTruth(instance, instance, pose)

    def of_scene(self) -> SceneTruth:
        """Return the vertices and the objects, each with the box of its vertices."""
        mesh = self.mesh
        ids, first, row = np.unique(mesh.instance, return_index=True, return_inverse=True)
        low = np.full((len(ids), 3), np.inf, np.float32)
        high = -low
        np.minimum.at(low, row, mesh.xyz)
        np.maximum.at(high, row, mesh.xyz)
        real = ids > 0
        return SceneTruth(
            LabelledCloud(mesh.xyz, mesh.rgb, mesh.instance, mesh.label),
            ids[real],
            mesh.label[first][real],
            np.concatenate([low, high], axis=1)[real],
            mesh.label_names,
            mesh.segment if (mesh.segment >= 0).any() else None,
        )
