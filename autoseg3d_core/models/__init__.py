"""The models: final classes that share parts and meet in one protocol."""
