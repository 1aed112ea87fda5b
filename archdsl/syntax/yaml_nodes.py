"""YAML to plain nodes with spans: the event stream, of which a spec may use scalars, lists and mappings only.

PyYAML's loaders are never used: they let the last of two equal keys win, read `no` as false and 12:30 as 750, and
follow aliases without bound. Here every scalar is text, and all else that YAML has is refused before it is built.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import yaml

from archdsl.diagnostics import Diagnostic, Label
from archdsl.limits import limits
from archdsl.source import Source, Span
from archdsl.syntax import tree
from archdsl.syntax.build import MAX_NESTING
from archdsl.syntax.explain import Stop

REUSE: Final = "blocks are the way to reuse"
# Plain keys that YAML 1.2 does not read as text.
NO_TEXT: Final = re.compile(
    r"|~|null|Null|NULL|true|True|TRUE|false|False|FALSE|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
    r"|[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A piece of text; `style` is its quote, `|`, `>`, or None where it is plain."""

    span: Span
    value: str
    style: str | None

    @property
    def empty(self) -> bool:
        """Whether it stands for nothing."""
        return self.style is None and self.value in ("", "~", "null")

    @property
    def content(self) -> Span:
        """The span without the quotes."""
        quoted = 1 if self.style in ("'", '"') else 0
        return Span(self.span.source, self.span.start + quoted, self.span.end - quoted)


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    span: Span
    items: tuple[YamlNode, ...]


@dataclass(frozen=True, slots=True)
class Entries:
    """A mapping; its keys are different."""

    span: Span
    entries: tuple[tuple[Scalar, YamlNode], ...]

    def get(self, key: str) -> YamlNode | None:
        return next((node for name, node in self.entries if name.value == key), None)

    def key(self, key: str) -> Scalar:
        return next(name for name, _ in self.entries if name.value == key)

    @property
    def keys(self) -> list[str]:
        return [name.value for name, _ in self.entries]


YamlNode: TypeAlias = Scalar | Items | Entries


class Composer:
    """Builds the nodes of a document; `errors` are those that do not end it, `comments` what was written beside."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.errors: list[Diagnostic] = []
        self._scalars: list[Span] = []
        self._count = 0
        self._most = limits().nodes

    def document(self) -> YamlNode:
        """The only document of the source. Raises `Stop`."""
        try:
            events = self._events()
            next(events)  # the start of the stream
            next(events)  # and of the document
            root = self._node(next(events), events, 1)
            next(events)
            following = next(events)
            if not isinstance(following, yaml.StreamEndEvent):
                raise self._refuse("yaml-feature", following, "a spec is one YAML document; another one begins here")
        except yaml.reader.ReaderError as error:
            at = min(int(error.position), len(self.source.text) - 1)
            raise Stop(
                Diagnostic("bad-character", "a character that YAML does not allow", Span(self.source, at, at + 1))
            ) from None
        except yaml.MarkedYAMLError as error:
            raise Stop(self._explain(error)) from None
        return root

    def comments(self) -> tuple[tree.Comment, ...]:
        """Every comment: a `#` behind a space or a line's start, between the scalars."""
        found = []
        start = 0
        for span in [*sorted(self._scalars, key=lambda s: s.start), Span(self.source, len(self.source.text), 0)]:
            for match in re.finditer(r"(?:^|(?<=\s))#[^\n]*", self.source.text[start : span.start], re.MULTILINE):
                place = Span(self.source, start + match.start(), start + match.end())
                found.append(tree.Comment(place, match.group()))
            start = span.end
        return tuple(found)

    def _events(self) -> Iterator[Any]:
        for event in yaml.parse(self.source.text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                raise self._refuse("yaml-feature", event, "aliases are not allowed in a spec", REUSE)
            if getattr(event, "anchor", None) is not None:
                raise self._refuse("yaml-feature", event, "anchors are not allowed in a spec", REUSE)
            if getattr(event, "tag", None) is not None:
                raise self._refuse("yaml-feature", event, "tags are not allowed in a spec")
            yield event

    def _refuse(self, code: str, event: Any, message: str, help: str | None = None) -> Stop:
        start = event.start_mark.index
        word = re.compile(r"\S*").match(self.source.text, start)
        end = word.end() if word else start
        return Stop(Diagnostic(code, message, Span(self.source, start, max(end, start)), help=help))

    def _span(self, event: Any) -> Span:
        return Span(self.source, event.start_mark.index, event.end_mark.index)

    def _node(self, event: Any, events: Iterator[Any], depth: int) -> YamlNode:
        self._count += 1
        if self._count > self._most:
            message = f"more than {self._most} YAML nodes, which is the limit"
            raise self._refuse("too-many-nodes", event, message, "--max-nodes sets another limit")
        if isinstance(event, yaml.ScalarEvent):
            span = self._span(event)
            if event.style in ("|", ">"):  # the mark is beyond the line's end
                text = self.source.text[span.start : span.end].rstrip()
                span = Span(self.source, span.start, span.start + len(text))
            self._scalars.append(span)
            return Scalar(span, event.value, event.style)
        if depth > MAX_NESTING:
            raise self._refuse("nesting-too-deep", event, f"lists and mappings are nested deeper than {MAX_NESTING}")
        read = self._items if isinstance(event, yaml.SequenceStartEvent) else self._entries
        return read(event, events, depth)

    def _items(self, start: Any, events: Iterator[Any], depth: int) -> Items:
        items = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(self._node(event, events, depth + 1))
        return Items(self._collection(start, event, items[-1].span if items else None), tuple(items))

    def _entries(self, start: Any, events: Iterator[Any], depth: int) -> Entries:
        found: dict[str, tuple[Scalar, YamlNode]] = {}
        last: Span | None = None
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key = self._node(event, events, depth + 1)
            value = self._with_comment(key.span.end, self._node(next(events), events, depth + 1))
            last = value.span if value.span.end > key.span.end else key.span
            if not isinstance(key, Scalar):
                kind = "list" if isinstance(key, Items) else "mapping"
                self._error("yaml-feature", f"a key is text, found a {kind}", key.span)
            elif key.value == "<<" and key.style is None:
                self._error("yaml-feature", "merge keys are not allowed in a spec", key.span, REUSE)
            elif key.style is None and NO_TEXT.fullmatch(key.value):
                shown = f"`{key.value[:40]}`" if key.value else "nothing"
                self._error("yaml-feature", f"a key is text, found {shown}", key.span)
            elif key.value in found:
                labels = (Label(found[key.value][0].span, "the first one"),)
                message = f"the key `{key.value[:64]}` is given twice"
                self.errors.append(Diagnostic("duplicate-key", message, key.span, labels))
            else:
                found[key.value] = (key, value)
        return Entries(self._collection(start, event, last), tuple(found.values()))

    def _with_comment(self, end: int, value: YamlNode) -> YamlNode:
        """A list or mapping below its key, from the key on where a comment stands between them."""
        if isinstance(value, Scalar) or "#" not in self.source.text[end : value.span.start]:
            return value
        return replace(value, span=Span(self.source, end + 1, value.span.end))

    def _collection(self, start: Any, end: Any, last: Span | None) -> Span:
        """The span of a list or mapping. In block style it ends with its last part, not with the next token."""
        first = start.start_mark.index
        if start.flow_style or last is None:
            return Span(self.source, first, end.end_mark.index)
        return Span(self.source, first, last.end)

    def _error(self, code: str, message: str, span: Span, help: str | None = None) -> None:
        self.errors.append(Diagnostic(code, message, span, help=help))

    def _explain(self, error: yaml.MarkedYAMLError) -> Diagnostic:
        """PyYAML's complaint in words for someone who writes a spec."""
        mark = error.problem_mark or error.context_mark
        start = min(mark.index if mark is not None else 0, len(self.source.text))
        problem = error.problem or "it cannot be read"
        text = self.source.text
        at = text[start : start + 1]
        span = Span(self.source, start, min(start + 1, len(text)))
        if at == "\t":
            return Diagnostic("syntax", "YAML is not indented by tabs", span, help="use spaces")
        labels: tuple[Label, ...] = ()
        opened = error.context_mark
        if opened is not None and opened.index != start and text[opened.index : opened.index + 1] in "[{\"'":
            labels = (Label(Span(self.source, opened.index, opened.index + 1), "opened here"),)
        if at == "":
            start = len(text.rstrip())
            span = Span(self.source, max(start - 1, 0), start)
        help = None
        line = self.source.line(span.line)
        if "mapping values are not allowed" in problem and not line.lstrip().startswith("-"):
            help = "indent the line as those it belongs to"
        elif "mapping values are not allowed" in problem:
            help = 'quote a step with a label, `"stem: conv(64, 3)"`, or write `{conv: [64, 3], name: stem}`'
        return Diagnostic("syntax", f"the YAML cannot be read: {problem}", span, labels, help=help)
