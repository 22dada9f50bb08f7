"""Procedural rooms, rendered as an RGB-D camera would see them, with the truth."""
