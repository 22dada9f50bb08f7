"""2D front-ends: a frame in, a `MaskImage` out."""
