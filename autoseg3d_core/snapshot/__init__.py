"""Snapshots on disk: everything that a restart needs, in one file that is whole or not there."""
