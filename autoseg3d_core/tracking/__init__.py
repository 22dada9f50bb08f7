"""From affinities to identities: assignment and the life of a track."""
