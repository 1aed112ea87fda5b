"""Passes from one elaborated graph to another.

`recompute` marks blocks with `@checkpoint`. The others change what is computed, and how weights follow: each is a
module with a `REWRITE`, over a `Draft` of the graph, and `apply.py` runs them.
"""
