"""A Rerun recording of a run: the tree of entities is the tree of frames, world above camera."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int32, Int64

from autoseg3d_core.structures import Frame, InputError, LabelledCloud
from autoseg3d_core.visualization.palette import COLORS, colors_of


class RerunLog:
    """Writes scene updates to an `.rrd` file that the Rerun viewer opens; the file is whole once closed."""

    def __init__(self, path: str | Path) -> None:
        try:
            import rerun
        except ImportError as error:
            raise InputError(
                "a Rerun recording needs the package rerun-sdk: pip install rerun-sdk"
            ) from error
        self._rerun: Any = rerun
        self._stream = rerun.RecordingStream("autoseg3d")
        self._stream.save(str(path))
        self._stream.log("world", rerun.ViewCoordinates.RIGHT_HAND_Z_UP, static=True)
        classes = np.arange(1, COLORS + 1)
        colors = zip(classes.tolist(), colors_of(classes).tolist(), strict=True)
        context = rerun.AnnotationContext([(number, str(number), color) for number, color in colors])
        self._stream.log("world/camera/image/tracks", context, static=True)

    def log(
        self,
        frame: Frame,
        label_image: Int32[np.ndarray, "height width"],
        cloud: LabelledCloud,
        ids: Int64[np.ndarray, " boxes"],
        oriented: Float32[np.ndarray, "boxes 10"],
    ) -> None:
        """Log the camera with its image and masks, the cloud and the boxes of one frame."""
        rerun, stream, camera = self._rerun, self._stream, frame.camera
        stream.set_time("camera time", duration=frame.stamp_ns / 1e9)
        pose = frame.world_from_camera
        stream.log("world/camera", rerun.Transform3D(translation=pose[:3, 3], mat3x3=pose[:3, :3]))
        matrix = np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]])
        pinhole = rerun.Pinhole(image_from_camera=matrix, resolution=[camera.width, camera.height])
        stream.log("world/camera/image", pinhole)
        stream.log("world/camera/image/rgb", rerun.Image(frame.rgb).compress(jpeg_quality=80))
        masks = np.where(label_image > 0, (label_image - 1) % COLORS + 1, 0)  # as the palette repeats
        stream.log("world/camera/image/tracks", rerun.SegmentationImage(masks.astype(np.uint16)))
        stream.log("world/points", rerun.Points3D(cloud.xyz, colors=colors_of(cloud.ids), radii=0.01))
        drawn = rerun.Boxes3D(
            centers=oriented[:, :3],
            sizes=oriented[:, 3:6],
            quaternions=oriented[:, 6:],
            colors=colors_of(ids),
            labels=[f"#{track_id}" for track_id in ids.tolist()],
        )
        stream.log("world/tracks", drawn)

    def log_map(self, cloud: LabelledCloud) -> None:
        """Log the scene map."""
        points = self._rerun.Points3D(cloud.xyz, colors=colors_of(cloud.ids), radii=0.02)
        self._stream.log("world/map", points)

    def close(self) -> None:
        """Write what is still under way and close the file."""
        self._stream.disconnect()
