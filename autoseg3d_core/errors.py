"""The two errors that a user can correct; this file imports nothing heavy."""

from __future__ import annotations


class InputError(ValueError):
    """Input that cannot be used; the message names the file, topic or field and says what to do."""


class ConfigError(ValueError):
    """A configuration that cannot be used; the message names the key and says what to do."""
