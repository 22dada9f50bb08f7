"""The demo: a recording is played into the live node, and what it publishes is recorded and shown."""
