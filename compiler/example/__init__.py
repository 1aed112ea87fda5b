"""The example behind `archdsl run`: a data set that is quick, and a loop that trains a network on it."""

from __future__ import annotations

from compiler.example.digits import digits
from compiler.example.train import NothingToTrain, steps_of, threads_for, train

__all__ = ["DATA_SETS", "NothingToTrain", "steps_of", "threads_for", "train"]

DATA_SETS = {"digits": digits}  # by name, each made for a shape [C, H, W]
