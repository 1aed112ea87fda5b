"""The written forms of a spec: reads any, writes any."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Final, Literal, TypeAlias

from archdsl.diagnostics import Diagnostic
from archdsl.errors import SpecError
from archdsl.limits import limits
from archdsl.source import Source
from archdsl.syntax import text, tree

Form: TypeAlias = Literal["text", "yaml"]
SUFFIXES: Final[dict[str, Form]] = {".arch": "text", ".yaml": "yaml", ".yml": "yaml"}
SUFFIX_OF: Final[dict[Form, str]] = {"text": ".arch", "yaml": ".yaml"}
# The first key of a YAML spec, behind comments and the mark that may begin a document.
FIRST_KEY: Final = re.compile(r"(?:[ \t]*+(?:#[^\n]*+)?\n|---[ \t]*+\n)*+\s*+\{?\s*+[\"']?archdsl[\"']?\s*+:")
# What follows a comment at the end of a body. It breaks the lines around it, which need no break where it stands in
# YAML.
END_OF_BODY: Final = re.compile(r"\n\s*+\}")


def form_of_path(name: str) -> Form | None:
    """The form that a file's suffix says it has."""
    return SUFFIXES.get(PurePath(name).suffix.lower())


def form_of(source: Source) -> Form:
    """The form of a source: by its suffix, or else YAML where it begins with `archdsl:`."""
    return form_of_path(source.name) or ("yaml" if FIRST_KEY.match(source.text) else "text")


def parse(source: Source) -> tree.Spec:
    """The syntax tree of a spec. Raises `SpecError` with every syntax error found."""
    if form_of(source) == "text":
        return text.parse(source)
    from archdsl.syntax import yaml  # PyYAML is loaded where it is needed

    return yaml.parse(source)


def format_spec(source: Source) -> str:
    """A spec in the formatter's style. Raises `SpecError` where it cannot be read."""
    spec = parse(source)
    return _checked(spec, Source(source.name, _written(spec, form_of(source), keep_breaks=True)))


def convert_spec(spec: tree.Spec, form: Form) -> str:
    """A spec in another form, or in the formatter's style where it has that form already."""
    keep = form_of(spec.source) == form
    name = f"<converted>{SUFFIX_OF[form]}"
    converted = _checked(spec, Source(name, _written(spec, form, keep_breaks=keep)))
    ends = any(END_OF_BODY.match(spec.source.text, comment.span.end) for comment in spec.comments)
    return format_spec(Source(name, converted)) if ends else converted


def _written(spec: tree.Spec, form: Form, *, keep_breaks: bool) -> str:
    if form == "text":
        from archdsl.syntax.layout import format_text  # most commands only read

        return format_text(spec, keep_breaks=keep_breaks)
    from archdsl.syntax.layout_yaml import format_yaml

    return format_yaml(spec, keep_breaks=keep_breaks)


def _checked(spec: tree.Spec, result: Source) -> str:
    """The text that was written from a spec, if it can be read and says the same. Raises `SpecError`.

    It always says the same, or the writer is wrong; but it may be longer than a spec may be.
    """
    size = len(spec.source.encoded(result.text))
    if size > limits().bytes:
        message = f"written anew the spec has {size:,} bytes, more than {limits().bytes:,}, the limit for a spec"
        raise _refused(spec, "file-too-large", message, "--max-bytes sets another limit")
    try:
        again = parse(result)
    except SpecError as error:  # a place in a text that nobody has seen would say nothing
        first = error.diagnostics[0]
        raise _refused(spec, first.code, f"written anew the spec cannot be read: {first.message}", first.help) from None
    if tree.written(again) != tree.written(spec) or len(again.comments) != len(spec.comments):
        raise AssertionError(f"writing {spec.source.name} anew would change what it says")
    return result.text


def _refused(spec: tree.Spec, code: str, message: str, help: str | None) -> SpecError:
    return SpecError([Diagnostic(code, message, place=spec.source.name, help=help)])
