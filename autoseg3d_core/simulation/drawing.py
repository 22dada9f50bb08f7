"""How MuJoCo draws a scene without a display; runs in the process that renders (`render_process`)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, UInt8
from scipy.spatial.transform import Rotation

from autoseg3d_core.geometry.transforms import inverse_rigid
from autoseg3d_core.simulation.gl_context import load_mujoco, make_context
from autoseg3d_core.simulation.rendered import Rendered
from autoseg3d_core.simulation.scene_model import CAMERA, FAR_M, NEAR_M, SceneModel
from autoseg3d_core.structures import CameraIntrinsics

SHOWN, HIDDEN = 0, 5
"""Groups of geometries: those before the camera, and the others, which are not drawn."""
BYTES = (1, 1 << 8, 1 << 16)


class Drawing:
    """Draws one model from any pose. Holds a GL context until `close`, and belongs to one thread."""

    def __init__(self, scene: SceneModel, camera: CameraIntrinsics, shadows: bool = False) -> None:
        self._mujoco = mujoco = load_mujoco()
        self._scene, self._camera = scene, camera
        self._gl = make_context(camera.width, camera.height)
        self._context = mujoco.MjrContext(scene.model, mujoco.mjtFontScale.mjFONTSCALE_50)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR
        self._data = mujoco.MjData(scene.model)
        mujoco.mj_kinematics(scene.model, self._data)
        mujoco.mj_camlight(scene.model, self._data)
        self._view = self._empty_view(shadows)
        self._raw = np.empty((camera.height, camera.width), np.float32)
        self._eye = scene.model.camera(CAMERA).id
        scene.model.cam_fovy[self._eye] = math.degrees(2 * math.atan(camera.height / 2 / camera.fy))

    def close(self) -> None:
        """Give the GL context back; nothing can be drawn afterwards."""
        self._gl.make_current()
        self._context.free()
        self._gl.free()

    def move_thing(self, index: int, pose: Float[np.ndarray, "4 4"]) -> None:
        """Put a thing at a pose in the house; it shows from the next `settle` on."""
        body = self._scene.body_of_thing[index]
        self._scene.model.body_pos[body] = pose[:3, 3]
        self._scene.model.body_quat[body] = Rotation.from_matrix(pose[:3, :3]).as_quat()[[3, 0, 1, 2]]

    def settle(self) -> None:
        """Bring the geometries to where their things are."""
        self._mujoco.mj_kinematics(self._scene.model, self._data)

    def render(self, house_from_camera: Float[np.ndarray, "4 4"]) -> Rendered:
        """Return what the camera sees from a pose; its axes are x right, y down, z forward."""
        self._gl.make_current()  # another drawing's may be
        mujoco, model = self._mujoco, self._scene.model
        shown = self._in_view(house_from_camera)
        model.geom_group[:] = np.where(shown, SHOWN, HIDDEN)
        self._data.cam_xpos[self._eye] = house_from_camera[:3, 3]
        self._data.cam_xmat[self._eye] = (house_from_camera[:3, :3] * [1, -1, -1]).ravel()
        scene, options, eye = self._view
        mujoco.mjv_updateScene(model, self._data, options, None, eye, mujoco.mjtCatBit.mjCAT_ALL, scene)
        rgb = self._draw(is_ids=False)
        code = self._draw(is_ids=True)
        drawn = np.append(-1, np.flatnonzero(shown)).astype(np.int32)
        index = code.astype(np.int32) @ np.array(BYTES, np.int32)
        geometry = drawn[np.where(index < len(drawn), index, 0)]
        return Rendered(rgb, np.where(geometry >= 0, _metric(self._raw[::-1]), np.float32(0)), geometry)

    def _empty_view(self, shadows: bool) -> tuple[Any, Any, Any]:
        mujoco = self._mujoco
        scene = mujoco.MjvScene(self._scene.model, self._scene.model.ngeom + 16)
        for flag in ("mjRND_REFLECTION", "mjRND_SKYBOX", "mjRND_HAZE", "mjRND_FOG"):
            scene.flags[getattr(mujoco.mjtRndFlag, flag)] = 0
        scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = int(shadows)
        options = mujoco.MjvOption()
        options.geomgroup[:] = 0
        options.geomgroup[SHOWN] = 1
        eye = mujoco.MjvCamera()
        eye.type, eye.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, 0
        return scene, options, eye

    def _in_view(self, house_from_camera: np.ndarray) -> np.ndarray:
        """Tell which geometries may be in sight: those whose sphere meets the pyramid of view."""
        camera_from_house = inverse_rigid(house_from_camera)
        centers = self._data.geom_xpos @ camera_from_house[:3, :3].T + camera_from_house[:3, 3]
        radius = self._scene.model.geom_rbound
        x, y, z = centers.T
        shown = z > -radius
        for across, focal, half in (
            (x, self._camera.fx, self._camera.width),
            (y, self._camera.fy, self._camera.height),
        ):
            slope = half / 2 / focal
            shown &= np.abs(across) - slope * z < radius * math.hypot(1, slope)
        return shown

    def _draw(self, is_ids: bool) -> UInt8[np.ndarray, "height width 3"]:
        """Return colours, filling the depth buffer; or the number of each geometry shown, as a colour."""
        mujoco, (scene, _, _) = self._mujoco, self._view
        scene.flags[mujoco.mjtRndFlag.mjRND_SEGMENT] = scene.flags[mujoco.mjtRndFlag.mjRND_IDCOLOR] = int(
            is_ids
        )
        area = mujoco.MjrRect(0, 0, self._camera.width, self._camera.height)
        mujoco.mjr_render(area, scene, self._context)
        pixels = np.empty((self._camera.height, self._camera.width, 3), np.uint8)
        mujoco.mjr_readPixels(pixels, None if is_ids else self._raw, area, self._context)
        return pixels[::-1]


def _metric(raw: Float32[np.ndarray, "height width"]) -> Float32[np.ndarray, "height width"]:
    """Return depth in metres of a depth buffer that runs from 1 at the near plane to 0 at the far one."""
    inverse = raw.astype(np.float64) * (1 / NEAR_M - 1 / FAR_M) + 1 / FAR_M
    return (1 / inverse).astype(np.float32)
