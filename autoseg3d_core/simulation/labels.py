"""The names of the classes; a label is a position in them."""

from __future__ import annotations

SCANNET = (
    "cabinet",
    "bed",
    "chair",
    "sofa",
    "table",
    "door",
    "window",
    "bookshelf",
    "picture",
    "counter",
    "desk",
    "curtain",
    "refrigerator",
    "shower curtain",
    "toilet",
    "sink",
    "bathtub",
    "otherfurniture",
)
"""The 18 classes of ScanNet's instance benchmark, in its order."""
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
