"""The rules of docs/architecture.md: one direction of dependency, no ROS in the core, short files."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAYERS = (
    (
        "structures",
        "errors",
        "config",
        "config_text",
        "timing",
        "operation_counts",
        "freed_memory",
        "side_stream",
        "packed_copy",
        "device_memory",
        "resources",
        "atomic_file",
    ),
    ("geometry", "sparse", "image_formats", "snapshot"),
    (
        "lifting",
        "label_image",
        "best_views",
        "edits",
        "mask_makers",
        "modules",
        "tracking",
        "scene_map",
        "carving",
    ),
    ("models", "datasets", "visualization", "policies", "upkeep"),
    ("pipeline", "report", "closure", "arrival", "checkpoints", "evaluation", "plausibility"),
    ("build", "running", "masks_ahead", "simulation"),
    ("training",),
    ("cli",),
)
SIBLINGS = {
    ("pipeline", "report"),
    ("pipeline", "closure"),
    ("pipeline", "arrival"),
    ("arrival", "closure"),
    ("upkeep", "policies"),
    ("config_text", "config"),
}
SIBLINGS |= {(part, "errors") for part in LAYERS[0]}
"""Pairs of one layer of which the first may import the second."""
LAYER_OF = {part: level for level, parts in enumerate(LAYERS) for part in parts}
LAYER_OF["__init__"] = len(LAYERS)  # the package itself, which nobody imports from
ROS = {"rclpy", "tf2_ros", "tf2_msgs", "message_filters", "cv_bridge", "launch", "launch_ros", "autoseg3d"}
ROS |= {"ament_index_python", "builtin_interfaces", "autoseg3d_ros", "rosidl_runtime_py"}
LONGEST = 400

CORE = sorted((ROOT / "autoseg3d_core").rglob("*.py"))
FOLDERS = ("autoseg3d_core", "autoseg3d_ros", "launch", "scripts", "test")
EVERY = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Yield the dotted names that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def parts(path: Path) -> list[str]:
    """Return the parts of the core that a file imports."""
    return [name.split(".")[1] for name in imports(path) if name.startswith("autoseg3d_core.")]


def own_part(path: Path) -> str:
    """Return the part of the core to which a file belongs."""
    return path.relative_to(ROOT / "autoseg3d_core").parts[0].removesuffix(".py")


def name_of(path: Path) -> str:
    """Return a file's path in the tree, as the test's id."""
    return path.relative_to(ROOT).as_posix()


def test_every_part_of_the_core_has_a_layer():
    assert {own_part(path) for path in CORE} - {"__init__"} <= set(LAYER_OF)


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_a_part_imports_only_lower_layers_and_itself(path):
    own = own_part(path)
    wrong = {
        part
        for part in parts(path)
        if part != own and (own, part) not in SIBLINGS and LAYER_OF[part] >= LAYER_OF[own]
    }
    assert not wrong, f"{own} (layer {LAYER_OF[own]}) imports {sorted(wrong)}"


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_the_core_never_imports_ros(path):
    roots = {name.split(".")[0] for name in imports(path)}
    assert not {root for root in roots if root in ROS or root.endswith(("_msgs", "_srvs"))}


@pytest.mark.parametrize("path", EVERY, ids=name_of)
def test_no_file_is_long(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST
