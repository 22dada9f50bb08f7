"""Rooms apart from training: kinds, materials and light that no other style draws."""
