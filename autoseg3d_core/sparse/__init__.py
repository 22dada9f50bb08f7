"""Sparse voxel convolution: one canonical weight layout, several backends that must agree."""
