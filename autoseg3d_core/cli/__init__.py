"""The commands of `autoseg3d`."""
