"""Networks that are described elsewhere, as specs: exported graphs, and the configuration files of other tools.

A door reads a file, and gives a `Program` (calls of another library with the modules they were made in) or parts of
blocks; recovery finds the blocks, and `writing` writes them down. Nothing here imports torch.
"""
