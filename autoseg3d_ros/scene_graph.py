"""Tracks -> JSON that spark_dsg reads, the library of scene graphs of Hydra and Khronos.

The layout is that of its version 1.1: a node per object in the layer of objects, without edges.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from autoseg3d_core.structures import TrackTable
from autoseg3d_ros.messages import class_ids, name_of
from autoseg3d_ros.overlay import track_colors

VERSION = {"major": 1, "minor": 1, "patch": 2}
LAYERS = {"OBJECTS": 2, "AGENTS": 2, "PLACES": 3, "ROOMS": 4, "BUILDINGS": 5}
OBJECT = ord("O") << 56
"""A node's id: the letter of its kind above the number of the object."""
UNLABELLED = 2**32 - 1
LEVEL = {"w": 1.0, "x": 0.0, "y": 0.0, "z": 0.0}


def scene_graph_json(tracks: TrackTable, names: Sequence[str], frame_id: str) -> str:
    """Return the confirmed tracks as a graph of objects; the number of each node is its track's id."""
    tracks = tracks[tracks.is_mature]
    columns = zip(
        tracks.ids.tolist(),
        tracks.labels.tolist(),
        [name_of(label, names) for label in class_ids(tracks.labels).tolist()],
        track_colors(tracks.ids).tolist(),
        tracks.centroids.astype(float).tolist(),
        tracks.oriented_boxes.astype(float).tolist(),
        (tracks.misses == 0).tolist(),
        tracks.last_seen_ns.tolist(),
        strict=True,
    )
    return json.dumps(
        {
            "SPARK_DSG_header": {"project_name": "main", "version": VERSION},
            "directed": False,
            "multigraph": False,
            "layer_keys": [_key(layer) for layer in sorted(set(LAYERS.values()))],
            "layer_names": {name: _key(layer) for name, layer in LAYERS.items()},
            "metadata": {"frame_id": frame_id},
            "nodes": [_node(*row) for row in columns],
            "edges": [],
        }
    )


def _key(layer: int) -> dict[str, int]:
    return {"layer": layer, "partition": 0}


def _node(
    track: int,
    label: int,
    name: str,
    rgb: list[int],
    middle: list[float],
    box: list[float],
    is_seen: bool,
    last_seen_ns: int,
) -> dict[str, object]:
    x, y, z, w = box[6:]
    attributes = {
        "type": "ObjectNodeAttributes",
        "position": middle,
        "last_update_time_ns": last_seen_ns,
        "is_active": is_seen,
        "is_predicted": False,
        "name": name or f"O({track})",
        "color": dict(zip("rgba", (*rgb, 255), strict=True)),
        "bounding_box": {
            "type": "OBB",
            "dimensions": box[3:6],
            "world_P_center": box[:3],
            "world_R_center": {"w": w, "x": x, "y": y, "z": z},
        },
        "semantic_label": label if label >= 0 else UNLABELLED,
        "semantic_feature": {"rows": 0, "cols": 0, "data": []},
        "mesh_connections": [],
        "registered": False,
        "world_R_object": LEVEL,
    }
    return {"id": OBJECT + track, "layer": LAYERS["OBJECTS"], "partition": 0, "attributes": attributes}
