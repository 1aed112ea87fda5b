"""The automaton does with the tables of the grammar what lark does with the grammar."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import lark
import pytest

from archdsl.shipped import SPECS
from archdsl.syntax import tables
from archdsl.syntax.automaton import END, Automaton, UnexpectedToken
from archdsl.syntax.lexer import Token, UnexpectedCharacter

TEXTS = [path.read_text(encoding="utf-8") for path in sorted(SPECS.glob("*.arch"))]
LEXER, TABLES = tables.load()


@cache
def larks() -> Any:
    return lark.Lark(tables.GRAMMAR.read_text(encoding="utf-8"), **tables.OPTIONS)


class Names:
    """Makes of every rule its name and its values."""

    def __getattr__(self, name: str) -> Callable[[list[Any]], Any]:
        return lambda values: (name, values)


def plain(made: Any) -> Any:
    return (str(made.data), list(map(plain, made.children))) if isinstance(made, lark.Tree) else made


def tokens(text: str) -> list[Token]:
    return list(LEXER.tokens(text, 0, len(text), lambda token: None))


def of_a_definition(text: str) -> list[Token]:
    """The tokens of its first definition, without new lines: those that end nothing would be dropped by who reads
    them."""
    return [token for token in tokens(text.partition("\n}\n")[0] + "}") if token.type != "_NL"]


def broken(count: int) -> list[list[Token]]:
    """Tokens of specs, of which some are left out, come twice, or are those of another place."""
    chance = random.Random(1)
    found = []
    for _ in range(count):
        row = of_a_definition(chance.choice(TEXTS))[: chance.randrange(2, 60)]
        place = chance.randrange(len(row))
        row[place : place + chance.randrange(2)] = chance.choices(row, k=chance.randrange(3))
        found.append(row)
    return found


def by_lark(row: Sequence[Token]) -> Any:
    """What lark makes of them; or the place of the token that does not fit, and the terminals that would."""
    reader = larks().parse_interactive(start="start")
    for place, token in enumerate([*row, Token(END, "", 0)]):
        try:
            made = reader.feed_token(lark.Token(token.type, str(token)))
        except lark.UnexpectedToken:
            return place, reader.accepts()
    return plain(made)


def by_the_automaton(row: Sequence[Token]) -> Any:
    passed: list[Token] = []

    def each() -> Any:
        for token in row:
            passed.append(token)
            yield token
        passed.append(Token(END, "", 0))

    try:
        return Automaton(TABLES, Names()).run(each(), "start")
    except UnexpectedToken as error:
        return len(passed) - 1, set(error.accepted)


@pytest.mark.parametrize("text", TEXTS[::4])
def test_what_is_made_of_a_spec_is_what_lark_makes(text: str) -> None:
    row = of_a_definition(text)
    assert by_the_automaton(row) == by_lark(row)


def test_a_token_that_does_not_fit_is_lark_s_and_so_is_what_would() -> None:
    rows = broken(150)
    wanted = [by_lark(row) for row in rows]
    assert [by_the_automaton(row) for row in rows] == wanted
    assert sum(isinstance(found[0], int) for found in wanted) > 100


@pytest.mark.parametrize("text", TEXTS[::4])
def test_tokens_are_lark_s(text: str) -> None:
    theirs = [(token.type, str(token), token.start_pos) for token in larks().lex(text)]
    assert [(token.type, str(token), token.start) for token in tokens(text)] == theirs


def test_no_token_begins_where_lark_finds_none() -> None:
    text = "network Net(x: [N, 3]) {\n  x -> relu ü relu\n}"
    with pytest.raises(UnexpectedCharacter) as found:
        tokens(text)
    assert found.value.position == text.index("ü")


def test_an_error_names_the_token_before_it() -> None:
    row = tokens("variant small =")
    with pytest.raises(UnexpectedToken) as found:
        Automaton(TABLES, Names()).run(row, "start")
    assert (found.value.token.type, found.value.last, found.value.accepted) == (END, row[-1], {"NAME"})


def test_the_tables_are_the_same_however_often_they_are_worked_out() -> None:
    assert tables._worked_out() == tables._worked_out()
