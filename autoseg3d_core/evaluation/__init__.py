"""Scores against the truth: average precision and identity over time."""
