"""Figures of layers and networks: counts, receptive fields, the report."""
