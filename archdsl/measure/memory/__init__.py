"""Bytes: what inference and a training step need, moment by moment, and what fits."""
