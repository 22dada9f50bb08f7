"""Streams of random numbers of a scene: each switch has its own, so that none changes what another does."""

from __future__ import annotations

HOUSE, PATH, LIGHT, MOTION, ORIGIN, LENS, EXPOSURE = range(7)
DEPTH_NOISE, EDGE_HOLES, MISSING, POSE, COLOR, STYLE = range(7, 13)
SENSOR, FAULTS, DRIFT, PATH_KIND = range(13, 17)
