"""Seconds: what devices reach, and the roofline."""
