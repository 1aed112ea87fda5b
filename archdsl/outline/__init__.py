"""A network as a tree of blocks: which parts are equal, and which a reader sees as one."""
