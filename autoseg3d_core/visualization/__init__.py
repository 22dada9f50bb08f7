"""Pictures and files to look at, made from scene updates."""
