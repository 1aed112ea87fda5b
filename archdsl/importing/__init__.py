"""Networks that are described elsewhere, as specs: exported graphs, and the configuration files of other tools.

A door reads a file, and gives a `ForeignProgram`: calls of another library, with the modules that they were made in.
Recovery finds the blocks, and `writing` writes them down. Nothing here imports torch.
"""
