"""Passes from one elaborated graph to another."""
