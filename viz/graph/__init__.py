"""The view of a network layer by layer: boxes, groups and edges."""
