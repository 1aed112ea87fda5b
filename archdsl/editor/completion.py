"""What may come at a place, from the text before it: it is broken more often than not while it is written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from archdsl.definitions import TYPES
from archdsl.editor import places
from archdsl.editor.document import OpenDocument
from archdsl.editor.wording import common
from archdsl.elaborate.values import MARKS
from archdsl.evaluate import FUNCTIONS
from archdsl.ops import OPERATORS, parameter_table
from archdsl.ops._op import REQUIRED
from archdsl.ops.dtypes import WIDTHS
from archdsl.ops.initialiser import INITIALISERS
from archdsl.ops.kinds import literal
from archdsl.presentation.operator import as_markdown
from archdsl.syntax import forms, tree

WORD: Final = re.compile(r"[A-Za-z_0-9]*\Z")
QUIET: Final = re.compile(r'#[^\n]*|"[^"\n]*"')  # comments and texts, in which brackets mean nothing
DEFINITION: Final = re.compile(r"^(?:inline[ \t]+)?(?:block|network)\b", re.MULTILINE)
BOUND: Final = re.compile(
    r"^[ \t]*(?:output[ \t]+)?([A-Za-z_]\w*(?:[ \t]*,[ \t]*[A-Za-z_]\w*)*)[ \t]*=(?!=)", re.MULTILINE
)
LOOP: Final = re.compile(r"\bfor[ \t]+([A-Za-z_]\w*(?:[ \t]*,[ \t]*[A-Za-z_]\w*)*)[ \t]+in\b")
DEVICES: Final = re.compile(r"^[ \t]*device[ \t]+([\w, \t]+)$", re.MULTILINE)
TOP: Final = ("block", "network", "variant", "import", "inline block")
STATEMENTS: Final = ("output", "loss", "target", "init", "device", "assert", "if", "repeat", "for", "module")
YAML_TOP: Final = ("archdsl", "imports", "blocks", "networks", "variants")
YAML_BODY: Final = ("let", "if", "then", "else", "repeat", "for", "do", "seq", "output", "loss", "name", "on")


@dataclass(frozen=True, slots=True)
class Completion:
    """Something that may come. `insert` is what is written, `detail` what it is in a word or two."""

    label: str
    kind: str  # "operator", "block", "parameter", "value", "keyword", "mark", "function", "type", "network"
    insert: str
    detail: str = ""
    markdown: str = ""


def completions(document: OpenDocument, offset: int) -> list[Completion]:
    """What may come at a place, of whatever begins with the word before it."""
    text = document.source.text[:offset]
    if _quiet(text):
        return []
    text = QUIET.sub(lambda found: " " * len(found.group()), text)
    begun = WORD.search(text)
    word = begun.group() if begun is not None else ""
    before = text[: len(text) - len(word)]
    found = _yaml(document, before) if forms.form_of(document.source) == "yaml" else _text(document, before)
    seen: dict[str, Completion] = {}
    for one in found:
        if one.label.lower().startswith(word.lower()):
            seen.setdefault(one.label, one)
    return list(seen.values())


def _quiet(text: str) -> bool:
    """Whether a place is in a comment or a text."""
    line = text[text.rfind("\n") + 1 :]
    bare = re.sub(r'"[^"]*"', "", line)
    return "#" in bare or bare.count('"') % 2 == 1


def _text(document: OpenDocument, before: str) -> Iterator[Completion]:
    start = max((found.start() for found in DEFINITION.finditer(before)), default=None)
    ahead = before.rstrip()
    if start is None or (before[start:].count("{") <= before[start:].count("}") and "{" in before[start:]):
        if ahead.endswith("=") and re.search(r"variant\s+\w+\s*=\Z", ahead):
            yield from _networks(document)
        else:
            yield from (Completion(word, "keyword", word) for word in TOP)
        return
    region = before[start:]
    if "{" not in region:  # in the head of a definition
        if ahead.endswith((":", "]")):
            words = WIDTHS if ahead.endswith("]") else TYPES
            yield from (Completion(word, "type", word) for word in words)
        return
    if ahead.endswith("@"):
        yield from _marks(region)
        return
    call = _call(region)
    if call is not None:
        yield from _arguments(document, call, region)
        yield from _names(document, region, len(before))
        yield from _functions()
        return
    if ahead.endswith(("->", "module")) or re.search(r"[\w\"}]:\Z", ahead):
        yield from _steps(document)
        return
    yield from _names(document, region, len(before))
    yield from (Completion(word, "keyword", word) for word in STATEMENTS)
    yield from _steps(document)
    yield from _functions()


def _yaml(document: OpenDocument, before: str) -> Iterator[Completion]:
    line = before[before.rfind("\n") + 1 :]
    if not line.strip() and line == "":
        yield from (Completion(word, "keyword", f"{word}:") for word in YAML_TOP)
        return
    callee = re.search(r"([A-Za-z_]\w*):\s*[\[{][^\]}]*\Z", line)
    if callee is not None and (callee[1] in OPERATORS or callee[1] in _blocks(document)):
        yield from _parameters(document, callee[1], line[callee.end(1) :], ": ")
    if re.search(r"(-\s*|[\[{,]\s*)\Z", line):
        yield from _steps(document)
    yield from (Completion(word, "keyword", f"{word}: ") for word in YAML_BODY)
    yield from _names(document, before, len(before))


@dataclass(frozen=True, slots=True)
class _Begun:
    """A call whose parentheses are open: its callee, and what stands between them so far."""

    callee: str
    written: str


def _call(region: str) -> _Begun | None:
    """The call that a place is in the arguments of, if it is in any."""
    depth = 0
    for i in range(len(region) - 1, -1, -1):
        one = region[i]
        if one in ")]":
            depth += 1
        elif one in "([":
            depth -= 1
            if depth < 0:
                callee = re.search(r"([A-Za-z_]\w*)\s*\Z", region[:i])
                if one == "(" and callee is not None:
                    return _Begun(callee[1], region[i + 1 :])
                depth = 0  # a list or a parenthesis: what is around it counts
        elif one in "{}" and depth == 0:
            return None
    return None


def _arguments(document: OpenDocument, call: _Begun, region: str) -> Iterator[Completion]:
    """Names of parameters at the beginning of an argument; words and truth values behind a name."""
    ahead = call.written.rstrip()
    given = re.search(r"([A-Za-z_]\w*)\s*=\Z", ahead)
    if given is not None:
        yield from _words(call.callee, given[1])
    elif ahead == "" or ahead.endswith(","):
        yield from _parameters(document, call.callee, call.written, " = ")


def _parameters(document: OpenDocument, callee: str, written: str, sign: str) -> Iterator[Completion]:
    """The parameters of a callee that are not given yet."""
    taken = set(re.findall(r"([A-Za-z_]\w*)\s*[=:]", written))
    operator = OPERATORS.get(callee)
    block = _blocks(document).get(callee)
    if block is not None:
        for param in block.params:
            if param.shape is None and param.name.id not in taken:
                yield Completion(param.name.id, "parameter", f"{param.name.id}{sign}", f"of {callee}")
    elif operator is not None:
        for name, one in parameter_table(operator).items():
            if name not in taken:
                default = "" if one.default in (REQUIRED, None) else f", default {literal(one.default)}"
                yield Completion(name, "parameter", f"{name}{sign}", one.kind.describe() + default, one.doc)


def _words(callee: str, parameter: str) -> Iterator[Completion]:
    operator = OPERATORS.get(callee)
    table = parameter_table(operator) if operator is not None else {}
    if parameter in table:
        kind = table[parameter].kind
        for word in getattr(kind, "names", ()):
            yield Completion(word, "value", word, f"{parameter} of {callee}")
        if isinstance(table[parameter].default, bool):
            yield from (Completion(word, "value", word) for word in ("true", "false"))


def _steps(document: OpenDocument) -> Iterator[Completion]:
    for name, block in _blocks(document).items():
        yield Completion(name, "block", name, "block of this file" if block.span.source is document.source else "block")
    for name, operator in OPERATORS.items():
        if operator.group != "loss":
            yield Completion(name, "operator", name, operator.group, _page(name))


def _functions() -> Iterator[Completion]:
    yield from (Completion(name, "function", name, "function") for name in FUNCTIONS)
    yield from (Completion(name, "function", name, "initialiser", kind.summary) for name, kind in INITIALISERS.items())
    losses = [name for name, operator in OPERATORS.items() if operator.group == "loss"]
    yield from (Completion(name, "operator", name, "loss", _page(name)) for name in losses)


@cache
def _page(name: str) -> str:
    return as_markdown(OPERATORS[name])


def _marks(region: str) -> Iterator[Completion]:
    yield from (Completion(word, "mark", word) for word in MARKS)
    for names in DEVICES.findall(region):
        yield from (Completion(word, "mark", word, "device") for word in re.findall(r"\w+", names))


def _names(document: OpenDocument, region: str, offset: int) -> Iterator[Completion]:
    """What is bound before a place: parameters, sizes, values, items of loops; with what it is worth, where known."""
    head, _, body = region.partition("{")
    names = [name for found in BOUND.findall(body) for name in re.findall(r"\w+", found)]
    names += [name for found in LOOP.findall(body) for name in re.findall(r"\w+", found)]
    names += re.findall(r"(?<![\w.])([A-Za-z_]\w*)\s*(?=[:=,)])", head[head.find("(") + 1 :])
    names += re.findall(r"\b([A-Z]\w*)\b", " ".join(re.findall(r"\[[^\]]*\]", head)))
    worth = _worth(document, offset)
    yield from (Completion(name, "value", name, worth.get(name, "")) for name in reversed(names))


def _worth(document: OpenDocument, offset: int) -> dict[str, str]:
    """What the names of the definition around a place are worth."""
    known = document.known
    around = places.enclosing(known, document.old_place(offset)) if known is not None else None
    if known is None or known.shown is None or around is None:
        return {}
    found = {}
    bound = {definition.span for definition in known.program.uses.values()}
    for span in known.shown.trace.values:
        if span in bound and span.source is known.source and around.span.start <= span.start < around.span.end:
            said = common([value for value, _ in places.values(known, span, document.instance)], known.shown.graph)
            if said is not None:
                found[span.text] = said
    return found


def _blocks(document: OpenDocument) -> dict[str, tree.Block]:
    if document.known is None:
        return {}
    return {name: block for name, (block, _) in document.known.program.definitions.blocks.items()}


def _networks(document: OpenDocument) -> Iterable[Completion]:
    spec = document.known.program.spec if document.known is not None else None
    return [Completion(n.name.id, "network", f"{n.name.id}(", "network") for n in spec.networks] if spec else []
