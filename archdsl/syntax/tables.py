"""The lexer and the tables of the text form's grammar, worked out before: to do so takes longer than most specs.

`text.json` holds those of `text.lark`, as plain data, and the grammar of which they are. Where that is another, lark
works them out anew; so the file can only be slow, never wrong. `make docs` writes it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

from archdsl.syntax.automaton import END, Rule, Tables
from archdsl.syntax.lexer import Lexer

GRAMMAR: Final = Path(__file__).with_name("text.lark")
TABLES: Final = Path(__file__).with_name("text.json")
OPTIONS: Final[dict[str, Any]] = {
    "parser": "lalr",
    "lexer": "basic",
    "start": ["start", "expr", "chain", "step"],
    "keep_all_tokens": True,
    "maybe_placeholders": True,
}


def load() -> tuple[Lexer, Tables]:
    """The grammar's terminals, and what is made of them."""
    data = _read() or _worked_out()
    lexer, tables = data["lexer"], data["tables"]
    return (
        Lexer(re.compile(lexer["pattern"]), lexer["words"], frozenset(lexer["ignored"])),
        Tables([Rule(*rule) for rule in tables["rules"]], tables["states"], tables["starts"]),
    )


def current() -> bool:
    """Whether the tables on disk are those of the grammar."""
    return _read() is not None


def write() -> None:
    """Work the tables out and write them."""
    document = {"of": _origin(), **_worked_out()}
    TABLES.write_text(json.dumps(document, separators=(",", ":")) + "\n", encoding="utf-8")


def _read() -> dict[str, Any] | None:
    if not TABLES.exists():
        return None
    document: dict[str, Any] = json.loads(TABLES.read_bytes())
    return document if document["of"] == _origin() else None


def _origin() -> dict[str, str]:
    return {"grammar": GRAMMAR.read_text(encoding="utf-8")}


# --- from lark


def _worked_out() -> dict[str, Any]:
    from lark import Lark  # only who changes the grammar needs it

    grammar: Any = Lark(GRAMMAR.read_text(encoding="utf-8"), **OPTIONS)
    return {"lexer": _lexer(grammar.parser.lexer), "tables": _tables(grammar.parser.parser._parse_table)}


def _lexer(lexer: Any) -> dict[str, Any]:
    (scanner,) = lexer.scanner._mres
    words = {
        kind: {word.pattern.value: word.name for word in unless.scanner.terminals}
        for kind, unless in lexer.callback.items()
    }
    return {"pattern": scanner.pattern, "words": words, "ignored": sorted(lexer.ignore_types)}


def _tables(table: Any) -> dict[str, Any]:
    """Rules and states, numbered as they are met: lark's own numbers are others each time."""
    rules: dict[Any, int] = {}
    numbers = {state: number for number, state in enumerate(table.start_states.values())}
    order = list(numbers)
    states = []
    for state in order:  # which grows
        actions = {}
        for symbol, (_, target) in sorted(table.states[state].items()):
            if not isinstance(target, int):
                actions[symbol] = ~rules.setdefault(target, len(rules))
                continue
            if target not in numbers:
                numbers[target] = len(order)
                order.append(target)
            actions[symbol] = numbers[target]
        if state in table.end_states.values():
            actions[END] = numbers[state]  # lark looks for the end by itself
        states.append(actions)
    starts = {name: numbers[state] for name, state in table.start_states.items()}
    return {"rules": list(map(_rule, rules)), "states": states, "starts": starts}


def _rule(rule: Any) -> Rule:
    """What lark's own builder of trees does with a rule of which it keeps all tokens."""
    name, symbols = rule.origin.name, rule.expansion
    spliced = [not symbol.is_term and symbol.name.startswith("_") for symbol in symbols]
    places: list[int | None] = []
    there = iter(range(len(symbols)))
    for missing in rule.options.empty_indices or (False,) * len(symbols):
        i = None if missing else next(there)
        places.append(~i if i is not None and spliced[i] else i)
    as_they_stand = places == list(range(len(symbols)))
    passes = rule.options.expand1 and not rule.alias and as_they_stand and len(symbols) == 1
    method = None if passes or name.startswith("_") else rule.alias or name
    return Rule(name, len(symbols), passes, method, None if as_they_stand else places)
