"""A furnished house as a MuJoCo model, with the instance and part that each of its geometries shows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Int32
from scipy.spatial.transform import Rotation

from autoseg3d_core.simulation.gl_context import load_mujoco
from autoseg3d_core.simulation.light import Light
from autoseg3d_core.simulation.parts import Material, Part, unit_mesh
from autoseg3d_core.simulation.rooms import House
from autoseg3d_core.simulation.solids import Solid
from autoseg3d_core.simulation.textures import SIDE, texture

PICTURES = ("picture", "screen", "sky")
"""Textures that fill one face; the others wrap around, or repeat."""
CUBE_SIDE = 128
NEAR_M, FAR_M = 0.05, 60.0
PRIMITIVES = ("box", "cylinder", "ellipsoid")
CAMERA = "camera"


@dataclass(frozen=True, eq=False)
class SceneModel:
    """A compiled model; the columns have a row per geometry, the shell first, with instance and part 0."""

    model: Any
    instance: Int32[np.ndarray, " geometries"]
    part: Int32[np.ndarray, " geometries"]
    is_glass: Bool[np.ndarray, " geometries"]
    body_of_thing: Int32[np.ndarray, " things"]


def part_ids(house: House) -> list[dict[str, int]]:
    """Return the part id of each part name of each thing; ids count through the whole house."""
    ids, first = [], 1
    for placed in house.things:
        names = placed.thing.part_names
        ids.append({name: first + i for i, name in enumerate(names)})
        first += len(names)
    return ids


def build_model(
    house: House, seed: int, width: int, height: int, light: Light, options: dict[str, int]
) -> SceneModel:
    """Compile a house; `options` has the multisamples `antialias` and the shadow map's side `shadow`."""
    mujoco = load_mujoco()
    spec = mujoco.MjSpec()
    _set_view(spec, width, height, options)
    _add_lights(mujoco, spec, light, options["shadow"] > 0)
    assets = _Assets(mujoco, spec, seed)
    for part in house.shell:
        assets.add_part(spec.worldbody, part)
    for index, placed in enumerate(house.things):
        turn = Rotation.from_euler("z", placed.yaw).as_quat()[[3, 0, 1, 2]]
        body = spec.worldbody.add_body(name=f"thing{index}", pos=placed.at, quat=turn)
        for part in placed.thing.parts:
            assets.add_part(body, part)
    spec.worldbody.add_camera(name=CAMERA)
    model = spec.compile()
    assets.fill_textures(model)
    ids = part_ids(house)
    rows = [(i + 1, ids[i][part.name], part) for i, t in enumerate(house.things) for part in t.thing.parts]
    parts = [*house.shell, *(part for _, _, part in rows)]
    shell = [0] * len(house.shell)
    return SceneModel(
        model,
        np.array(shell + [row[0] for row in rows], np.int32),
        np.array(shell + [row[1] for row in rows], np.int32),
        np.array([part.material.is_glass for part in parts]),
        np.array([model.body(f"thing{i}").id for i in range(len(house.things))], np.int32),
    )


def _set_view(spec: Any, width: int, height: int, options: dict[str, int]) -> None:
    spec.stat.extent, spec.stat.center = 1.0, [0, 0, 0]
    view = spec.visual
    view.global_.offwidth, view.global_.offheight = width, height
    view.map.znear, view.map.zfar = NEAR_M, FAR_M
    view.map.shadowclip = 12.0
    view.quality.offsamples, view.quality.shadowsize = options["antialias"], options["shadow"]
    view.quality.numslices, view.quality.numstacks, view.quality.numquads = 20, 10, 3


def _add_lights(mujoco: Any, spec: Any, light: Light, has_shadows: bool) -> None:
    head = spec.visual.headlight
    head.ambient, head.diffuse, head.specular = light.ambient, light.head, [0.1, 0.1, 0.1]
    for index, (direction, color) in enumerate(zip(light.directions, light.colors, strict=True)):
        spec.worldbody.add_light(
            type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
            pos=[0, 0, 2.3],
            dir=direction,
            diffuse=color,
            specular=[0.15, 0.15, 0.15],
            castshadow=has_shadows and index == 0,
        )


class _Assets:
    """Adds materials, textures and meshes to a model, each once."""

    def __init__(self, mujoco: Any, spec: Any, seed: int) -> None:
        self._mujoco, self._spec, self._seed = mujoco, spec, seed
        self._materials: dict[Material, str] = {}
        self._textures: dict[str, tuple[str, bool]] = {}
        self._meshes: dict[tuple[str | Solid, tuple[float, float, float]], str] = {}

    def add_part(self, body: Any, part: Part) -> None:
        """Add a part's geometry to a body; it takes part in no collision."""
        kinds = self._mujoco.mjtGeom
        half = np.array(part.size) / 2
        about: dict[str, Any] = {
            "pos": part.at,
            "quat": Rotation.from_matrix(part.rotation).as_quat()[[3, 0, 1, 2]],
            "material": self._material(part.material),
            "contype": 0,
            "conaffinity": 0,
        }
        if part.shape not in PRIMITIVES:
            body.add_geom(type=kinds.mjGEOM_MESH, meshname=self._mesh(part), **about)
        elif part.shape == "cylinder":
            body.add_geom(type=kinds.mjGEOM_CYLINDER, size=[half[0], half[2], 0], **about)
        else:
            kind = kinds.mjGEOM_BOX if part.shape == "box" else kinds.mjGEOM_ELLIPSOID
            body.add_geom(type=kind, size=half, **about)

    def _mesh(self, part: Part) -> str:
        key = (part.shape, part.size)
        if key not in self._meshes:
            self._meshes[key] = f"mesh{len(self._meshes)}"
            vertices, faces = unit_mesh(part.shape)
            mesh = self._spec.add_mesh(name=self._meshes[key])
            mesh.uservert = (vertices * np.array(part.size) / 2).ravel()
            mesh.userface = faces.ravel()
            mesh.inertia = self._mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL
        return self._meshes[key]

    def _material(self, material: Material) -> str:
        if material not in self._materials:
            name = f"material{len(self._materials)}"
            self._materials[material] = name
            made = self._spec.add_material(name=name)
            made.rgba = [*material.rgb, 1.0]
            made.shininess, made.specular = 0.3 + 0.5 * material.shine, 0.6 * material.shine
            made.emission, made.reflectance = material.emission, 0.0
            if material.texture:
                made.textures[self._mujoco.mjtTextureRole.mjTEXROLE_RGB] = self._texture(material)
                if material.repeat:
                    made.texuniform, made.texrepeat = True, [material.repeat, material.repeat]
        return self._materials[material]

    def _texture(self, material: Material) -> str:
        is_flat = material.repeat > 0 or material.texture.startswith(PICTURES)
        name = f"{material.texture}_{'flat' if is_flat else 'cube'}"
        if name not in self._textures:
            self._textures[name] = (material.texture, is_flat)
            kinds = self._mujoco.mjtTexture
            side = SIDE if is_flat else CUBE_SIDE
            self._spec.add_texture(
                name=name,
                type=kinds.mjTEXTURE_2D if is_flat else kinds.mjTEXTURE_CUBE,
                builtin=self._mujoco.mjtBuiltin.mjBUILTIN_FLAT,
                width=side,
                height=side if is_flat else 6 * side,
                nchannel=3,
            )
        return name

    def fill_textures(self, model: Any) -> None:
        """Write the images of the textures into the compiled model."""
        for name, (texture_name, is_flat) in self._textures.items():
            row = model.texture(name).id
            image = texture(texture_name, self._seed)
            data = image if is_flat else _six_faces(image)
            first = model.tex_adr[row]
            model.tex_data[first : first + data.size] = data.ravel()


def _six_faces(image: np.ndarray) -> np.ndarray:
    """Return one image as the faces of a cube, turned so that no two sides look the same."""
    small = cv2.resize(image, (CUBE_SIDE, CUBE_SIDE), interpolation=cv2.INTER_AREA)
    faces: Iterable[np.ndarray] = (small, small[:, ::-1], small, small[::-1], small, small[::-1, ::-1])
    return np.concatenate([np.ascontiguousarray(face) for face in faces])
