"""Generated syntax trees: everything the grammar allows, with spans that say nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from archdsl.source import Source, Span
from archdsl.syntax import tree

T = TypeVar("T")
Definition = TypeVar("Definition", tree.Block, tree.NetworkDefinition)
NOWHERE = Span(Source("<generated>.arch", ""), 0, 0)
NAMES = st.sampled_from("x y main i width C relu conv block1 null on no seq int true1 then init inline message".split())
NUMBERS = st.one_of(
    st.integers(0, 10**6),
    st.floats(0, 1e6, allow_nan=False),
    st.booleans(),
    st.sampled_from(["same", "", "a b", "#", ": ", "'"]),
)
BINARY = st.sampled_from(["or", "and", "==", "<", ">=", "!=", "in", "not in", "+", "-", "*", "/", "//", "%", "@", "**"])


def node(kind: Callable[..., T], *parts: SearchStrategy[Any]) -> SearchStrategy[T]:
    return st.tuples(*parts).map(lambda values: kind(NOWHERE, *values))


def some(strategy: SearchStrategy[T], least: int = 0, most: int = 3) -> SearchStrategy[tuple[T, ...]]:
    return st.lists(strategy, min_size=least, max_size=most).map(tuple)


name = node(tree.Name, NAMES)
target = node(tree.BoundName, NAMES)
names = some(target, 1, 2)
operands: SearchStrategy[tree.Expr] = st.deferred(
    lambda: st.one_of(
        node(tree.Literal, NUMBERS),
        name,
        node(tree.Unary, st.sampled_from(["-", "+", "not"]), operands),
        node(tree.Binary, BINARY, operands, operands),
        node(tree.Conditional, operands, operands, operands),
        node(tree.Index, operands, operands),
        node(tree.Attribute, operands, st.just("shape")),
        node(tree.ListDisplay, some(values)),
        node(tree.Comprehension, values, names, operands, st.none() | operands),
        node(tree.ListSlice, operands, st.none() | operands, st.none() | operands, st.none() | operands),
        calls,
        values,
    )
)
PIECES = st.sampled_from(["conv1", "0", "layer.1", "a_"])
interpolated = st.one_of(
    node(tree.Interpolated, PIECES.map(lambda piece: (piece,))),
    node(tree.Interpolated, st.tuples(PIECES, node(tree.Binary, st.just("+"), name, node(tree.Literal, st.just(1))))),
)
labels = interpolated | node(
    tree.Interpolated, st.sampled_from(["block1-0", "a b", "1x1", "a/b: c", "$x", "#"]).map(lambda piece: (piece,))
)
messages = node(tree.Interpolated, st.tuples(st.sampled_from(["no, not so", "width: "]), name))
mark = node(tree.Interpolated, st.sampled_from(["train", "frozen", "gpu0"]).map(lambda piece: (piece,)))
marks = some(mark, most=2)
arguments = node(tree.Argument, st.none() | NAMES, st.deferred(lambda: values))
calls: SearchStrategy[tree.Call] = node(tree.Call, name, some(arguments))
body = st.deferred(lambda: node(tree.Body, some(statements)))
if_bodies: SearchStrategy[tree.IfBodies] = st.deferred(lambda: node(tree.IfBodies, operands, body, body | if_bodies))
head = st.one_of(
    node(tree.Head, labels, operands, marks),
    node(tree.Head, st.none(), operands, some(mark, 1, 2)),
)
setup: SearchStrategy[tree.Setup] = st.deferred(
    lambda: node(tree.Bind, some(target, 1, 2), values) | node(tree.Assertion, operands, st.none() | messages)
)
sequence = st.deferred(lambda: node(tree.Sequence, some(setup, most=2), some(step, 1)))
branch: SearchStrategy[tree.If] = st.deferred(lambda: node(tree.If, operands, sequence, st.none() | sequence | branch))
step: SearchStrategy[tree.Step] = node(
    tree.Step,
    st.none() | labels,
    st.one_of(
        calls,
        sequence,
        node(tree.Repeat, operands, sequence),
        node(tree.For, names, operands, sequence),
        branch,
    ),
    marks,
)
values: SearchStrategy[tree.Expr] = st.deferred(
    lambda: st.one_of(
        operands,
        head,
        node(tree.NewModule, calls),
        if_bodies,
        node(tree.Chain, operands | head | if_bodies, some(step, 1)),
    )
)
shape = node(tree.ShapePattern, some(operands | node(tree.AnyDims), 1))
statements: SearchStrategy[tree.Statement] = st.one_of(
    setup,
    node(tree.Evaluate, values),
    node(
        tree.InitStatement,
        name | calls | node(tree.Index, name, operands) | node(tree.Conditional, name, operands, operands),
    ),
    node(tree.OutputStatement, target, values),
    node(tree.LossStatement, values),
    node(tree.TargetStatement, target, shape, st.none() | name),
    node(tree.Devices, some(target, 1, 2)),
)
param = st.one_of(
    node(tree.Param, target, st.none(), st.none(), st.none() | operands),
    node(tree.Param, target, shape, st.none(), st.none() | operands),
    node(tree.Param, target, st.none(), name, st.none() | operands),
)


def definitions(kind: Callable[..., Definition], *more: SearchStrategy[Any]) -> SearchStrategy[tuple[Definition, ...]]:
    defined = node(kind, target, st.lists(param, max_size=3, unique_by=lambda p: p.name.id).map(tuple), body, *more)
    return st.lists(defined, max_size=2, unique_by=lambda d: d.name.id).map(tuple)


variant = st.tuples(target, name, some(arguments)).map(
    lambda parts: tree.Variant(NOWHERE, parts[0], tree.Call(NOWHERE, parts[1], parts[2]))
)
path = node(tree.Literal, st.sampled_from(["a.arch", "parts/b.arch"]))
specs = st.tuples(
    some(node(tree.Import, path, some(target, 1, 2)), most=2),
    definitions(tree.Block, st.booleans()),
    definitions(tree.NetworkDefinition),
    st.lists(variant, max_size=2, unique_by=lambda v: v.name.id).map(tuple),
).map(lambda parts: tree.Spec(NOWHERE.source, *parts, ()))
