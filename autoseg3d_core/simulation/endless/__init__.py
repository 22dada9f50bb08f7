"""A grammar of furniture: things of parts that touch, in thousands of shapes that have no name."""
