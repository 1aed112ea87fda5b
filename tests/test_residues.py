"""Symbols that are known to be in residue classes, and where two sizes are equal."""

from __future__ import annotations

import itertools
import operator
from typing import TypeAlias

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from archdsl.agreement import agreement
from archdsl.dims import Dim, Size, classes_in, in_symbols, substitute, symbol, symbols, value
from archdsl.residues import Residues, residues
from archdsl.symbolic import at_least, bounds, equal

few = settings(max_examples=60)
OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "//": operator.floordiv}
Expression: TypeAlias = str | int | tuple[str, "Expression", "Expression"]


def larger(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    divided = st.tuples(st.just("//"), inner, st.sampled_from([2, 3, 4, 8]))
    return st.tuples(st.sampled_from("+-*"), inner, inner) | divided


expressions: st.SearchStrategy[Expression] = st.recursive(
    st.sampled_from(["H", "H", "W"]) | st.integers(-3, 6), larger, max_leaves=6
)
classes = st.integers(1, 12).flatmap(
    lambda modulus: st.sets(st.integers(0, modulus - 1), min_size=1).map(lambda some: residues(modulus, some))
)


def sized(expression: Expression, names: dict[str, Size]) -> Size:
    if isinstance(expression, tuple):
        sign, left, right = expression
        found: Size = OPERATORS[sign](sized(left, names), sized(right, names))
        return found
    return names[expression] if isinstance(expression, str) else expression


def numbers(own: Residues, count: int) -> list[int]:
    return list(itertools.islice((n for n in itertools.count(1) if n in own), count))


# --- residue classes


@pytest.mark.parametrize(
    ("modulus", "some", "said"),
    [
        (8, {0, 2, 4, 6}, (2, (0,), 2, 0)),
        (6, {0, 1, 2, 3, 4, 5}, (1, (0,), 1, 0)),
        (32, {0, 29, 30, 31}, (32, (0, 29, 30, 31), 1, 0)),
        (12, {1, 5}, (12, (1, 5), 4, 1)),
    ],
)
def test_classes_have_the_least_modulus_and_their_step(
    modulus: int, some: set[int], said: tuple[int, tuple[int, ...], int, int]
) -> None:
    found = residues(modulus, some)
    assert (found.modulus, found.remainders, found.step, found.start) == said


@few
@given(classes, st.integers(1, 4))
def test_the_numbers_of_classes_are_listed_in_order(own: Residues, times: int) -> None:
    length = own.modulus * times
    assert list(own.places(length)) == [n for n in range(1, length + 1) if n in own]
    assert own.least == next(own.places(length))
    assert all(n % own.step == own.start for n in own.places(length))


# --- symbols in classes


@few
@given(expressions, classes, classes)
def test_arithmetic_of_symbols_in_classes_is_that_of_their_numbers(
    expression: Expression, high: Residues, wide: Residues
) -> None:
    size = sized(expression, {"H": symbol("H", high), "W": symbol("W", wide)})
    plain = sized(expression, {"H": symbol("H"), "W": symbol("W")})
    low, most = bounds(size)
    for h, w in itertools.product(numbers(high, 5), numbers(wide, 3)):
        exact = sized(expression, {"H": h, "W": w})
        at = {"H": h, "W": w}
        assert substitute(size, at) == substitute(in_symbols(size), at) == substitute(plain, at) == exact
        assert eval(str(size), {}, at) == exact
        assert isinstance(exact, int)
        assert low is None or low <= exact
        assert most is None or exact <= most
    assert not classes_in(in_symbols(size))


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (lambda h: h // 2, "(H // 2)"),
        (lambda h: h // 4 * 2, "(H // 2)"),
        (lambda h: h // 16 * 16, "H"),
        (lambda h: h // 32, "(H // 32)"),
        (lambda h: h * (h // 4) * 3, "3*(H // 2)*(H // 2)"),
        (lambda h: (h // 4) * (h // 4) * 8, "H*(H // 2)"),
    ],
)
def test_sizes_are_written_in_the_symbol_itself(size: object, said: str) -> None:
    assert str(size(symbol("H", residues(16, [0])))) == said  # type: ignore[operator]


# --- where sizes are equal


@few
@given(expressions, expressions, classes)
def test_an_agreement_holds_where_it_says_and_nowhere_else(a: Expression, b: Expression, known: Residues) -> None:
    names: dict[str, Size] = {"H": symbol("H"), "W": symbol("W")}
    difference = sized(a, names) - sized(b, names)
    assume(isinstance(difference, Dim))
    found = agreement(difference, {"H": known})
    for h, w in itertools.product(numbers(known, 12), range(1, 13)):
        at = {"H": h, "W": w}
        zero = value(difference, at) == 0
        if found.always or found.never:
            assert zero == found.always
            continue
        inside = bool(found.classes) and all(at[name] in own for name, own in found.classes.items())
        assert zero or not inside
        if found.exact:
            assert zero == inside


@few
@given(expressions, classes)
def test_questions_about_symbols_in_classes_are_answered_rightly(expression: Expression, own: Residues) -> None:
    size = sized(expression, {"H": symbol("H", own), "W": symbol("W", own)})
    answer = at_least(size, 0)
    for h, w in itertools.product(numbers(own, 6), repeat=2):
        if answer is not None:
            exact = sized(expression, {"H": h, "W": w})
            assert isinstance(exact, int)
            assert (exact >= 0) == answer


def test_what_is_known_of_a_symbol_decides_equalities() -> None:
    h = symbol("H", residues(16, [0]))
    assert equal(h // 8 * 8, h)
    assert symbols(h) == {"H"}
    rounded = symbol("H", residues(32, [0, 29, 30, 31]))
    assert equal((rounded + 3) // 4, (rounded + 31) // 32 * 8)
