"""The written forms of a spec: reads any, writes any."""

from __future__ import annotations

from archdsl.source import Source
from archdsl.syntax import text, tree
from archdsl.syntax.layout import format_text


def parse(source: Source) -> tree.Spec:
    """The syntax tree of a spec. Raises `SpecError` with every syntax error found."""
    return text.parse(source)


def format_spec(source: Source) -> str:
    """A spec in the formatter's style. Raises `SpecError` where it cannot be read."""
    spec = parse(source)
    return checked(spec, Source(source.name, format_text(spec, keep_breaks=True)))


def checked(spec: tree.Spec, result: Source) -> str:
    """The text of a result that was written from a spec, if it says the same."""
    if tree.written(parse(result)) != tree.written(spec):
        raise AssertionError(f"writing {spec.source.name} anew would change what it says")
    return result.text
