"""Placement: which layers run on which of several devices, what that costs, and whether it pays at all."""
