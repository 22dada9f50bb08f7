"""A run in the Rerun viewer: the tree of entities is the tree of frames, world above camera."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int32, Int64

from autoseg3d_core.structures import Frame, InputError, LabelledCloud
from autoseg3d_core.visualization.captions import NO_NAMES, caption
from autoseg3d_core.visualization.palette import COLORS, colors_of

WORLD, CAMERA, IMAGE = "world", "world/camera", "world/camera/image"
TIME = "camera time"


class RerunLog:
    """Writes scene updates to an `.rrd` file, or sends them to a viewer that it opens if there is no path.

    Raises `InputError` without the package rerun-sdk. A file is whole once `close` was called.
    """

    def __init__(self, path: str | Path | None) -> None:
        try:
            import rerun
        except ImportError as error:
            raise InputError(f"Rerun needs the package rerun-sdk ({error}): pip install rerun-sdk") from error
        self._rerun: Any = rerun
        self._stream = rerun.RecordingStream("autoseg3d")
        if path is None:
            self._stream.spawn(default_blueprint=_blueprint())
        else:
            self._stream.save(str(path), default_blueprint=_blueprint())
        self.log_up(np.array([0.0, 0, 1]))
        classes = np.arange(1, COLORS + 1)
        colors = zip(classes.tolist(), colors_of(classes).tolist(), strict=True)
        context = rerun.AnnotationContext([(0, "", (0, 0, 0, 0)), *((n, str(n), c) for n, c in colors)])
        self._stream.log(f"{IMAGE}/masks", context, static=True)

    def log_up(self, up: Float[np.ndarray, "3"]) -> None:
        """Log which axis of the world is nearest to its vertical; z unless told."""
        axes = getattr(self._rerun.ViewCoordinates, f"RIGHT_HAND_{axis_name(up)}")
        self._stream.log(WORLD, axes, static=True)

    def log(
        self,
        frame: Frame,
        label_image: Int32[np.ndarray, "height width"],
        cloud: LabelledCloud,
        ids: Int64[np.ndarray, " boxes"],
        oriented: Float32[np.ndarray, "boxes 10"],
        names: Mapping[int, str] = NO_NAMES,
    ) -> None:
        """Log one frame: the camera with image and masks, the cloud, and the boxes with ids and names."""
        rerun, stream = self._rerun, self._stream
        self.log_camera(frame)
        masks = np.where(label_image > 0, (label_image - 1) % COLORS + 1, 0)  # as the palette repeats
        stream.log(f"{IMAGE}/masks", rerun.SegmentationImage(masks.astype(np.uint16), opacity=0.5))
        stream.log("world/points", rerun.Points3D(cloud.xyz, colors=colors_of(cloud.ids), radii=0.008))
        self.log_boxes(ids, oriented, names)

    def log_camera(self, frame: Frame, with_depth: bool = False) -> None:
        """Log where the camera is and what it sees."""
        rerun, stream, camera = self._rerun, self._stream, frame.camera
        stream.set_time(TIME, duration=frame.stamp_ns / 1e9)
        pose = frame.world_from_camera
        stream.log(CAMERA, rerun.Transform3D(translation=pose[:3, 3], mat3x3=pose[:3, :3]))
        matrix = np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]])
        stream.log(
            IMAGE,
            rerun.Pinhole(
                image_from_camera=matrix,
                resolution=[camera.width, camera.height],
                camera_xyz=rerun.ViewCoordinates.RDF,
                image_plane_distance=0.4,
            ),
        )
        stream.log(f"{IMAGE}/rgb", rerun.Image(frame.rgb).compress(jpeg_quality=80))
        if with_depth:
            stream.log(f"{IMAGE}/depth", rerun.DepthImage(frame.depth, meter=1.0))

    def log_boxes(
        self,
        ids: Int64[np.ndarray, " boxes"],
        oriented: Float32[np.ndarray, "boxes 10"],
        names: Mapping[int, str] = NO_NAMES,
    ) -> None:
        """Log the oriented boxes of tracks, each with its id and name."""
        boxes = self._rerun.Boxes3D(
            centers=oriented[:, :3],
            sizes=oriented[:, 3:6],
            quaternions=oriented[:, 6:],
            colors=colors_of(ids),
            radii=0.006,
            labels=[caption(track_id, names) for track_id in ids.tolist()],
            show_labels=True,
        )
        self._stream.log("world/tracks", boxes)

    def log_map(self, cloud: LabelledCloud) -> None:
        """Log the scene map: each track in its colour, what belongs to none in its own."""
        colors = np.where((cloud.ids > 0)[:, None], colors_of(cloud.ids), cloud.rgb)
        points = self._rerun.Points3D(cloud.xyz, colors=colors, radii=0.015)
        self._stream.log("world/map", points)

    def close(self) -> None:
        """Write what is still under way and close the file."""
        self._stream.flush()
        self._stream.disconnect()


def axis_name(up: Float[np.ndarray, "3"]) -> str:
    """Return the axis of the world nearest to the vertical as Rerun calls it, e.g. `Z_UP`."""
    axis = int(np.argmax(np.abs(up)))
    return f"{'XYZ'[axis]}_{'UP' if up[axis] > 0 else 'DOWN'}"


def _blueprint() -> Any:
    """Return how the viewer is laid out: the map beside the camera's image with its masks."""
    import rerun.blueprint as layout

    return layout.Blueprint(
        layout.Horizontal(
            layout.Spatial3DView(origin=WORLD, contents=["$origin/**", f"- {IMAGE}/masks"], name="Map"),
            layout.Vertical(
                layout.Spatial2DView(origin=IMAGE, contents=["$origin/rgb", "$origin/masks"], name="Masks"),
                layout.Spatial2DView(origin=IMAGE, contents=["$origin/rgb", "$origin/depth"], name="Camera"),
            ),
            column_shares=[3, 1],
        ),
        layout.TimePanel(state="collapsed"),
        layout.SelectionPanel(state="collapsed"),
        layout.BlueprintPanel(state="collapsed"),
    )
