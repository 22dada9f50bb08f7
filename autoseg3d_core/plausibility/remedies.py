"""What mends a suspicion: the options of the command line; a subclass names the parameters of a node."""

from __future__ import annotations

from autoseg3d_core.structures import CameraIntrinsics


class Remedies:
    """Advice per kind of fault, for those who run the command line."""

    def no_depth(self) -> str:
        """Say what to do if the depth image is empty."""
        return "check that this is the depth image"

    def depth_factor(self, factor: float) -> str:
        """Say how to make depth `factor` times as large."""
        return f"use --depth-scale {1000 / factor:g}, if it was read as millimetres"

    def depth_unit(self, depth_m: float) -> str:
        """Say what to do about a depth (metres, as read) that no room has."""
        return f"try --depth-unit {'m' if depth_m < 1 else 'mm'}, or --depth-scale"

    def pose_unit(self, unit: str) -> str:
        """Say what to do if positions are in another unit than metres."""
        return f"use --pose-unit {unit}"

    def long_steps(self) -> str:
        """Say what to do if the camera moves too far between frames."""
        return "try --pose-unit mm"

    def pose_convention(self, convention: str) -> str:
        """Say what to do if poses look like another convention."""
        return f"use --pose-convention {convention}"

    def focal_length(self, camera: CameraIntrinsics, factor: float) -> str:
        """Say how to make the focal length `factor` times as long."""
        return (
            f"about --intrinsics {camera.fx * factor:.0f},{camera.fy * factor:.0f},"
            f"{camera.cx:.0f},{camera.cy:.0f}"
        )

    def colors(self) -> str:
        """Say what to do if red and blue look swapped."""
        return "look at the images, or use --swap-colors"

    def registration(self) -> str:
        """Say what to do if depth is not registered to colour."""
        return "record aligned depth, or give --intrinsics, --depth-intrinsics and --depth-offset"
