"""Static values that stand alone, outside a spec: `--set` on the command line."""

from __future__ import annotations

import re
from typing import Any

from archdsl.elaborate.builder import GraphBuilder
from archdsl.elaborate.interpreter import Interpreter
from archdsl.elaborate.values import Context, Definitions, Fault, Marks, Poisoned, Scope
from archdsl.errors import SpecError
from archdsl.limits import Work
from archdsl.names import Names
from archdsl.source import Source
from archdsl.syntax.text import parse_expression


def static_value(text: str) -> Any:
    """The value of an expression; a bare word is a string. Raises `SpecError`."""
    expression = parse_expression(Source("<setting>", text))
    context = Context(Definitions(), Scope(), Names("", numbered=False), Marks())
    interpreter = Interpreter(GraphBuilder(Work()))
    try:
        return interpreter.value(expression, context)
    except Poisoned:  # something in it is wrong, which the interpreter has noted
        raise SpecError(interpreter.faults) from None
    except Fault as fault:
        if re.fullmatch(r"[A-Za-z_]\w*", text.strip()):
            return text.strip()
        raise SpecError([fault.diagnostic]) from None
