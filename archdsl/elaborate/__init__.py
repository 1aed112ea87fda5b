"""Elaboration: a network's syntax tree, with its settings, to the elaborated graph."""

from archdsl.elaborate.network import Choices, elaborate
from archdsl.elaborate.values import Definitions

__all__ = ["Choices", "Definitions", "elaborate"]
