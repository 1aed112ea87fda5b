"""Nodes of the syntax tree."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from archdsl.source import Source, Span
from archdsl.syntax import tree

SPAN = Span(Source("<text>", "x"), 0, 1)


def test_a_node_is_equal_to_itself_alone_and_what_nodes_say_is_compared() -> None:
    one, other = tree.Name(SPAN, "x"), tree.Name(SPAN, "x")
    assert one != other
    assert one in (other, one)
    assert tree.written(one) == tree.written(other) != tree.written(tree.BoundName(SPAN, "x"))


def test_a_node_is_never_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        tree.Name(SPAN, "x").id = "y"  # type: ignore[misc]
