"""What a door raises for a file that is not of its kind."""

from __future__ import annotations


class Unusable(Exception):
    """A file that is not what its suffix says, or a damaged one; the message has the line where there is one."""
