"""Measures: what layers take on a device, and what a device reaches."""
