"""Static values that stand alone, outside a spec: `--set` on the command line, settings of exported networks."""

from __future__ import annotations

import re
from typing import Any

from archdsl.elaborate.evaluator import Evaluator
from archdsl.elaborate.faults import Fault, Faults, Poisoned
from archdsl.elaborate.values import Context
from archdsl.errors import SpecError
from archdsl.limits import Work
from archdsl.ops.initialiser import Initialiser
from archdsl.source import Source
from archdsl.syntax.text import parse_expression


def static_value(text: str) -> Any:
    """The value of an expression; a bare word is a string. Raises `SpecError`."""
    expression = parse_expression(Source("<setting>", text))
    faults = Faults()
    try:
        return Evaluator(Work(), faults).value(expression, Context())
    except Poisoned:  # something in it is wrong, which has been noted
        raise SpecError(faults.found) from None
    except Fault as fault:
        if re.fullmatch(r"[A-Za-z_]\w*", text.strip()):
            return text.strip()
        raise SpecError([fault.diagnostic]) from None


def static_text(value: Any) -> str:
    """The text that a value has as an expression, which `static_value` reads."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(static_text, value))}]"
    if isinstance(value, Initialiser):
        return value.name + (f"({', '.join(map(static_text, value.args))})" if value.args else "")
    if isinstance(value, str):
        return f'"{value}"'
    return str(value).lower() if isinstance(value, bool) else repr(value)
