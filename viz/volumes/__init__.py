"""The view of a network as solids, as large as its feature maps."""
