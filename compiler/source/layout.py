"""Lays out lines of Python as ruff's formatter does, so that what is written is formatted.

Statements come as one line each, however long. A line that does not fit is broken at its brackets: the last pair that
is open to the end first, its content on a line of its own, then item by item with a comma behind the last. Only what
the writer makes is known here: assignments, calls, lists, definitions, conditions, `return`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

WIDTH: Final = 120  # of a line
OPEN: Final = {"(": ")", "[": "]", "{": "}"}
INDENT: Final = "    "


def laid_out(lines: Iterable[str], width: int = WIDTH) -> str:
    """The text of these lines, each broken where it is longer than `width`."""
    found: list[str] = []
    for line in lines:
        stripped = line.lstrip(" ")
        found += _broken(stripped, len(line) - len(stripped), width)
    return "\n".join(found) + "\n"


def _broken(text: str, indent: int, width: int, comma: str = "") -> list[str]:
    if indent + len(text) + len(comma) <= width or text.startswith(("#", '"""')):
        return [" " * indent + text + comma] if text or comma else [""]
    if text.startswith("return ") and _outside(text, ", "):
        items = _split(text.removeprefix("return "))
        rows = [line for item in items for line in _broken(item, indent + len(INDENT), width, ",")]
        return [" " * indent + "return (", *rows, " " * indent + ")"]
    pair = _last_bracket(text)
    if pair is None:
        return _at_operator(text, indent, width, comma)
    start, end = pair
    head, body, tail = text[: start + 1], text[start + 1 : end], text[end:]
    if not body:
        return [" " * indent + text + comma]
    alternative = _at_operator(text, indent, width, comma)
    if len(alternative) > 1 and _has_operator(text):
        return alternative
    inner = indent + len(INDENT)
    choice = _choice(body)
    if len(choice) > 1:
        lines = [" " * inner + body]
        if inner + len(body) > width:
            lines = [line for part in choice for line in _broken(part, inner, width)]
        return [" " * indent + head, *lines, " " * indent + tail + comma]
    if _is_generator(body):
        return [" " * indent + head, *_generator(body, inner, width), " " * indent + tail + comma]
    items = _split(body)
    display = text[start] in "[{" or (text[start] == "(" and _is_tuple(text, start, body))
    one_line = inner + len(body) <= width and not (display and len(items) > 1)
    lines = [" " * indent + head]
    if one_line:
        lines.append(" " * inner + body + ("," if display else ""))
    elif len(items) == 1 and not display and not items[0].startswith("*"):
        lines += _broken(items[0], inner, width)
    else:
        for item in items:
            lines += _broken(item, inner, width, ",")
    lines.append(" " * indent + tail + comma)
    return lines


def _choice(text: str) -> list[str]:
    """The parts of a conditional expression, each with the word before it."""
    cuts = sorted([*_outside(text, " if "), *_outside(text, " else ")]) if not _outside(text, ", ") else []
    if not cuts or _is_generator(text):
        return [text]
    return [text[a:b].strip() for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def _generator(body: str, indent: int, width: int) -> list[str]:
    """What a comprehension makes, and what it runs over, each on its line where one is not enough."""
    if indent + len(body) <= width:
        return [" " * indent + body]
    cuts = sorted([*_outside(body, " for "), *(at for at in _outside(body, " if ") if " else " not in body[at:])])
    found = []
    for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True):
        found += _broken(body[a:b].strip(), indent, width)
    return found


def _has_operator(text: str) -> bool:
    start = text.find(" = ") + 3 if _assigned(text) else len("return ") if text.startswith("return ") else 0
    return (
        not text.startswith(("def ", "class ", "if ", "else", "for ", "with ", "*", "+ ", "- ", "@ "))
        and len(_operands(text[start:])) > 1
    )


def _assigned(text: str) -> bool:
    return " = " in text and text[: text.find(" = ")].replace(".", "").replace("_", "").replace(", ", "").isalnum()


def _at_operator(text: str, indent: int, width: int, comma: str) -> list[str]:
    """A sum too long for a line, in parentheses, each operand on a line of its own."""
    if text.startswith("return "):
        head, value = "return ", text.removeprefix("return ")
    elif _assigned(text):
        at = text.find(" = ") + 3
        head, value = text[:at], text[at:]
    else:
        parts = _operands(text)
        if len(parts) < 2:
            return [" " * indent + text + comma]
        rows = [line for part in parts for line in _broken(part, indent, width)]
        return [*rows[:-1], rows[-1] + comma]
    operands = _operands(value)
    inner = indent + len(INDENT)
    if len(operands) < 2:
        return [" " * indent + text + comma]
    lines = [" " * indent + head + "("]
    if inner + len(value) <= width:
        lines.append(" " * inner + value)
    else:
        for operand in operands:
            lines += _broken(operand, inner, width)
    return [*lines, " " * indent + ")" + comma]


def _operands(text: str) -> list[str]:
    """The parts of a sum, or of a conditional expression, each with the sign or word before it."""
    words = [*_outside(text, " if "), *_outside(text, " else ")]
    cuts = (
        sorted(words)
        if words
        else sorted(_outside(text, " + ") + _outside(text, " - "))
        or sorted(_outside(text, " @ ") + _outside(text, " * "))
    )
    ends = [*cuts, len(text)]
    return [text[a:b].strip() for a, b in zip([0, *cuts], ends, strict=True)]


def _outside(text: str, mark: str) -> list[int]:
    """Where a mark stands outside of brackets and texts."""
    return [at for at in _level_zero(text) if text.startswith(mark, at)]


def _level_zero(text: str) -> list[int]:
    found, depth, quote = [], 0, ""
    for at, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in OPEN:
            depth += 1
        elif char in OPEN.values():
            depth -= 1
        elif depth == 0:
            found.append(at)
    return found


def _split(body: str) -> list[str]:
    """The items between brackets."""
    if _is_generator(body):
        return [body]
    cuts = _outside(body, ", ")
    return [
        part.strip(" ,")
        for part in (body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True))
        if part.strip(" ,")
    ]


def _is_generator(body: str) -> bool:
    return bool(_outside(body, " for "))


def _is_tuple(text: str, start: int, body: str) -> bool:
    before = text[start - 1] if start else " "
    return not (before.isalnum() or before in "_])") and bool(_outside(body, ","))


def _last_bracket(text: str) -> tuple[int, int] | None:
    """The pair of brackets that is broken first: the last that nothing but other brackets' ends follows."""
    stack: list[int] = []
    pairs: list[tuple[int, int]] = []
    quote = ""
    for at, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in OPEN:
            stack.append(at)
        elif char in OPEN.values():
            pairs.append((stack.pop(), at))
    outermost = [pair for pair in pairs if not any(a < pair[0] and pair[1] < b for a, b in pairs)]
    while len(outermost) > 1 and text[outermost[-1][0]] == "[" and text[outermost[-1][0] - 1] == ")":
        outermost.pop()  # an item of what a call gives
    return outermost[-1] if outermost else None
