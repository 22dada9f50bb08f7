"""Checks the shapes and types that annotations tell, while tests run and only then.

Without a GPU Triton's kernels run in its interpreter, which has to be said before it is imported.
"""

import os

import jaxtyping
import torch
from requirement_tests import requirement_tests

PARTS = ("evaluation", "label_image", "lifting", "mask_makers", "models", "modules", "scene_map")
TRAINING = ("losses", "matching", "mask_augmentation", "objective", "targets")
"""Where arrays are made of arrays. What is called thousands of times for small tables, as the life of a
track, is left out: there checking a call takes much longer than the call."""

CHECKED = [
    *(f"autoseg3d_core.{part}" for part in PARTS),
    *(f"autoseg3d_core.training.{part}" for part in TRAINING),
]
jaxtyping.install_import_hook(CHECKED, "type_checks.checked")

if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")


def pytest_configure(config):
    """Let `pytest -m R7` run the tests of one requirement (docs/requirements.md)."""
    for name in requirement_tests():
        config.addinivalue_line("markers", f"{name}: tests of a requirement of docs/requirements.md")


def pytest_collection_modifyitems(items):
    """Mark each test with the requirements that name it."""
    for item in items:
        for name, tests in requirement_tests().items():
            if getattr(item, "originalname", item.name) in tests:
                item.add_marker(name)
