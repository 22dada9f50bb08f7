"""Readers of recorded runs, each a sequence of posed RGB-D frames."""
