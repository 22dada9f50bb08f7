"""The names of the classes of simulated things: those of ScanNet, and more; a label is a position in them."""

from __future__ import annotations

from autoseg3d_core.datasets.label_names import SCANNET

SMALL = (
    "lamp",
    "plant",
    "bin",
    "box",
    "bag",
    "monitor",
    "television",
    "laptop",
    "keyboard",
    "books",
    "cup",
    "bottle",
    "bowl",
    "vase",
    "pillow",
    "basket",
    "kettle",
    "microwave",
    "shoes",
    "mirror",
    "whiteboard",
    "clock",
    "radiator",
)
LABEL_NAMES = SCANNET + SMALL
LABEL_OF = {name: label for label, name in enumerate(LABEL_NAMES)}
