"""What a network costs, worked out from the elaborated graph."""
