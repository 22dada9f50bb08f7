"""The node under hours of what happens on robots: loops, losses, late poses, jumps, bad images, services."""
