"""Engines that run a network in inference, one file each with `build(task)`. Adding one is adding a file, its name in
`table.py`, and an extra where it needs a package."""
