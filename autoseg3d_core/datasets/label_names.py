"""The names of the classes of public data sets, each in its own order; a label is a position in them."""

WALLS = ("wall", "floor")
"""What is annotated but never an object."""
CEILING = ("ceiling",)
"""What is an object by some benchmarks, and else part of the room."""
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
