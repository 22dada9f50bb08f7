"""Weights on disk: our format, and the published ones it is converted from."""
