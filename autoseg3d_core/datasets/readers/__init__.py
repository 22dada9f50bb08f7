"""One file per way in which recordings are stored: how it is told apart, and how it is opened."""
