"""Exports of a compiled network, one file a format. Adding one is adding a file, and its suffix in `formats`."""
