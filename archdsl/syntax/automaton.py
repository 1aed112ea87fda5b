"""An LALR(1) automaton: tokens to what is made of them, rule by rule, as the tables of a grammar say."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, NamedTuple

from archdsl.syntax.lexer import Token

END: Final = "$END"  # the terminal behind the last token


class Rule(NamedTuple):
    """A rule of a grammar, and what becomes of the values of its symbols.

    Where it `passes`, it has one, and that is its own value. Else a `method` makes its value of them, or it is the list
    of them, which is spliced where the rule is used. `places` says which of them are given where that is not each one
    as it stands: their numbers, ~number for a list to be spliced, None for what may stand there and does not.
    """

    symbol: str
    size: int
    passes: bool
    method: str | None
    places: Sequence[int | None] | None

    def given(self, values: list[Any]) -> list[Any]:
        """The values of its symbols as `places` says."""
        if self.places is None:
            return values
        found: list[Any] = []
        for place in self.places:
            if place is None:
                found.append(None)
            elif place >= 0:
                found.append(values[place])
            elif found:
                found += values[~place]
            else:
                found = values[~place]  # not a copy, so that a list to which items are added one by one takes no longer
        return found


@dataclass(frozen=True, slots=True)
class Tables:
    """What each state does with the symbol that follows: the number of the next state, or ~number of the rule that ends
    there. `starts` are the first states, by the rule that a text is to be."""

    rules: Sequence[Rule]
    states: Sequence[Mapping[str, int]]
    starts: Mapping[str, int]


class UnexpectedToken(Exception):
    """A token that cannot stand where it does; `last` is the one before it, and `accepted` are terminals that can."""

    def __init__(self, token: Token, last: Token | None, accepted: Collection[str]) -> None:
        super().__init__(token)
        self.token = token
        self.last = last
        self.accepted = accepted

    @property
    def position(self) -> int:
        return self.token.start


class Automaton:
    """The automaton of some tables; the methods of `maker` make its values."""

    def __init__(self, tables: Tables, maker: object) -> None:
        self._tables = tables
        self._makes = [getattr(maker, rule.method) if rule.method is not None else None for rule in tables.rules]

    def run(self, tokens: Iterable[Token], rule_name: str) -> Any:
        """The value of the rule that all the tokens together are. Raises `UnexpectedToken`."""
        rules, states, makes = self._tables.rules, self._tables.states, self._makes
        stack, values = [self._tables.starts[rule_name]], list[Any]()
        last: Token | None = None
        for token in chain(tokens, (Token(END, "", 0),)):
            kind = token.type
            while (action := states[stack[-1]].get(kind)) is not None and action < 0:
                rule = rules[~action]
                first = len(stack) - rule.size
                del stack[first:]
                if not rule.passes:
                    given, make = rule.given(values[first - 1 :]), makes[~action]
                    values[first - 1 :] = [given if make is None else make(given)]
                stack.append(states[stack[-1]][rule.symbol])
            if action is None:
                there = Token(END, "", last.start) if kind == END and last is not None else token
                raise UnexpectedToken(there, last, self._accepted(stack))
            stack.append(action)
            values.append(token)
            last = token
        return values[0]

    def _accepted(self, stack: Sequence[int]) -> Collection[str]:
        """The terminals that can follow, or if there are none, those that a rule can end before."""
        some = [kind for kind in self._tables.states[stack[-1]] if kind.isupper()]
        return {kind for kind in some if self._takes(kind, [*stack])} or some

    def _takes(self, kind: str, stack: list[int]) -> bool:
        """Whether a terminal can follow, once the rules that end before it have ended."""
        rules, states = self._tables.rules, self._tables.states
        while (action := states[stack[-1]].get(kind)) is not None and action < 0:
            rule = rules[~action]
            del stack[len(stack) - rule.size :]
            stack.append(states[stack[-1]][rule.symbol])
        return action is not None
