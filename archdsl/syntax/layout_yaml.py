"""Lays the YAML form out: flow style where it fits into a line, comments where they were, values quoted as needed."""

from __future__ import annotations

import re
from typing import Any, Final

from archdsl.syntax import tree
from archdsl.syntax.align import aligned
from archdsl.syntax.layout import WIDTH
from archdsl.syntax.page import Page
from archdsl.syntax.unparse_yaml import List, Map, Text, Unparser, YamlPart
from archdsl.syntax.yaml_nodes import NO_TEXT

INDENT: Final = 2
# A plain scalar: PyYAML and YAML 1.2 take it for text, in a list or mapping in braces as well.
PLAIN: Final = re.compile(r"(?![-?:,\[\]{}#&*!|>'\"%@` ]|.* $)(?!.*(?:: | #|:$))[^\n]+|-(?![ >-])[^\n:#]+")
IN_FLOW: Final = re.compile(r"[^,?\[\]{}:]*")


def format_yaml(spec: tree.Spec, *, keep_breaks: bool) -> str:
    """The YAML form of a spec. `keep_breaks`: the spec was written so, and its blank lines mean something."""
    printer = _Printer(spec, keep_breaks)
    printer.spec(spec)
    return "\n".join(aligned(printer.lines, WIDTH)) + "\n"


def quoted(text: str, *, flow: bool, key: bool = False) -> str:
    """A scalar as YAML, without quotes where none are needed."""
    plain = PLAIN.fullmatch(text) and not (flow and not IN_FLOW.fullmatch(text))
    if plain and text not in ("null", "~") and not (key and NO_TEXT.fullmatch(text)):
        return text
    return "'" + text.replace("'", "''") + "'" if '"' in text else f'"{text}"'


class _Printer(Page):
    def spec(self, spec: tree.Spec) -> None:
        sections: tuple[tuple[Any, ...], ...] = (spec.imports, spec.blocks, spec.networks, spec.variants)
        nodes = sorted((node for section in sections for node in section), key=lambda node: node.span.start)
        parts = _shared_out(spec, nodes, self.keep)
        self.take(parts[None])
        self.comments_before(len(self.source.text) + 1, 0)
        self.blank()
        self._line(None, 0)
        self.write("archdsl: 1")
        unparser = Unparser(spec)
        for name, section in zip(("imports", "blocks", "networks", "variants"), sections, strict=True):
            if not section:
                continue
            self.blank()
            self._line(None, 0)
            self.write(f"{name}:")
            self.fresh = True
            for i, node in enumerate(section):
                if i and isinstance(node, (tree.Block, tree.NetworkDefinition)):
                    self.blank()
                self.take(parts[id(node)])
                self.begin(node.span.start, INDENT)
                written = unparser.definition(node)
                if isinstance(node, tree.Import):
                    self.write("-")
                    self.item(written, INDENT)
                else:
                    self.write(quoted(node.name.id, flow=False, key=True) + ":")
                    self.value(written, INDENT, block=not isinstance(node, tree.Variant))
                self.end(node.span.end)
                self.comments_before(node.span.end, INDENT * 2)
                deeper = self.keep and self.next < len(self.starts) and _below(spec, self.starts[self.next], node)
                self.comments_before(len(self.source.text) + 1, INDENT * 2 if deeper else INDENT)
        self.take(parts[0])
        self.comments_before(len(self.source.text) + 1, 0)

    # --- nodes, behind a key or a dash

    def value(self, written: YamlPart, indent: int, *, block: bool = False) -> None:
        """What stands behind a key."""
        if isinstance(written, Text):
            self.text(written, indent)
        elif (
            not block
            and not self.pending(written.span.end)
            and (flow := self.flow(written)) is not None
            and self.fits(flow)
        ):
            self.write(f" {flow}")
        elif isinstance(written, List):
            self.end(written.span.start)
            self.fresh = True
            for item in written.items:
                self.begin(item.span.start, indent + INDENT)
                self.write("-")
                self.item(item, indent + INDENT)
                self.end(item.span.end)
        else:
            self.end(written.span.start)
            self.fresh = True
            self.entries(written, indent + INDENT, first=False)

    def item(self, written: YamlPart, indent: int) -> None:
        """What stands behind a dash. A mapping of one key needs no braces."""
        if isinstance(written, Text):
            self.text(written, indent)
            return
        flow = self.flow(written)
        one = isinstance(written, Map) and len(written.entries) == 1
        if one and flow is not None:
            flow = flow[1:-1] if self._plain_value(written) else None
        if flow is not None and self.fits(flow):
            self.write(f" {flow}")
        elif isinstance(written, List):  # a list in a list stays in brackets
            self.write(" " + (self.flow(written, force=True) or "[]"))
        else:
            self.write(" ")
            self.entries(written, indent + INDENT, first=True)

    def fits(self, flow: str) -> bool:
        return self.width + 1 + len(flow) <= WIDTH

    def _plain_value(self, written: YamlPart) -> bool:
        """Whether the only value of a mapping is written alike with and without braces around."""
        assert isinstance(written, Map)
        value = written.entries[0][1]
        return not isinstance(value, Text)

    def entries(self, written: Map, indent: int, *, first: bool) -> None:
        for i, (key, value) in enumerate(written.entries):
            if i or not first:
                if isinstance(value, Text) or self.flow(value) is not None:  # else comments stay before its first part
                    self.comments_before(value.span.start, indent)
                self._line(None, indent)
            self.write(quoted(key, flow=False, key=True) + ":")
            self.value(value, indent)
            self.end(value.span.end)

    def text(self, written: Text, indent: int) -> None:
        if "\n" in written.text:
            self.write(" |-")
            for line in written.text.split("\n"):
                self._line(None, indent + INDENT)
                self.write(line)
        elif written.text:
            self.write(" " + quoted(written.text, flow=False))

    def flow(self, written: YamlPart, *, force: bool = False) -> str | None:
        """A node in one line; None where it cannot be."""
        if not force and self.commented(written.span):
            return None
        if isinstance(written, Text):
            if "\n" in written.text:
                return None
            return quoted(written.text, flow=True) if written.text else ""
        if isinstance(written, List):
            items = [self.flow(item, force=force) for item in written.items]
            return None if None in items else f"[{', '.join(map(str, items))}]"
        values = [(quoted(key, flow=True, key=True), self.flow(value, force=force)) for key, value in written.entries]
        if any(value is None for _, value in values):
            return None
        return "{" + ", ".join(f"{key}: {value}" for key, value in values) + "}"


def _below(spec: tree.Spec, offset: int, node: Any) -> bool:
    """Whether a comment of the YAML form stands deeper than a definition, and so at the end of it."""
    return spec.source.position(offset)[1] > spec.source.position(node.span.start)[1]


def _shared_out(spec: tree.Spec, nodes: list[Any], written_so: bool) -> dict[int | None, list[tree.Comment]]:
    """The comments of each definition, by its id: those within it, behind it on its line, and before it.

    Those at the head of the file, above a free line, have the key None, those at its end 0.
    """
    found: dict[int | None, list[tree.Comment]] = {None: [], 0: []}
    found |= {id(node): [] for node in nodes}
    text = spec.source.text
    for comment in sorted(spec.comments, key=lambda comment: comment.span.start):
        start = comment.span.start
        owner: int | None = 0 if nodes else None
        for node in nodes:
            last = start < node.span.end or not text[node.span.end : start].strip(" \t,]})")
            between = text[node.span.end : start]
            if last or (
                written_so and _below(spec, start, node) and not re.search(r"^ *[^\s#]", between, re.MULTILINE)
            ):
                owner = id(node)
                break
        found[owner].append(comment)
    if nodes:
        first = found[id(nodes[0])]
        leading = [comment for comment in first if comment.span.start < nodes[0].span.start]
        edges = [*(comment.span.start for comment in leading), nodes[0].span.start][1:]
        version = re.search(r"^archdsl:", text, re.MULTILINE) if written_so else None
        for i, (comment, edge) in enumerate(zip(leading, edges, strict=False), 1):
            apart = re.fullmatch(r"\n[ \t]*", text[comment.span.end : edge]) is None
            if comment.span.start < version.start() < edge if version is not None else apart:
                found[None], found[id(nodes[0])] = first[:i], first[i:]
                break
    return found
