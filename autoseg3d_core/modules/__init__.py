"""Learned building blocks; what they share is in `blocks` and `attention`, and none imports the others."""
