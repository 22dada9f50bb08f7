"""Checks the shapes and types that annotations tell, while tests run and only then.

Without a GPU Triton's kernels run in its interpreter, which has to be said before it is imported.
"""

import os

import jaxtyping
import torch

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
