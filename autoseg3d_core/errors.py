"""The two errors that a user can mend; apart from everything heavy, so that they can always be told."""

from __future__ import annotations


class InputError(ValueError):
    """Input that cannot be used; the message names the file, topic or field and says what to do."""


class ConfigError(ValueError):
    """A configuration that cannot be used; the message names the key and says what to do."""
