"""PyTorch source of networks, as people write it."""
