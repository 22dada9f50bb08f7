"""What makes 2D masks: a frame in, a `MaskImage` out."""
