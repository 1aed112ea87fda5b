"""Elaboration: a network's syntax tree, with its settings, to the elaborated graph."""

from archdsl.definitions import Definitions
from archdsl.elaborate.choices import Choices
from archdsl.elaborate.given_sizes import unmet_needs
from archdsl.elaborate.network import elaborate

__all__ = ["Choices", "Definitions", "elaborate", "unmet_needs"]
