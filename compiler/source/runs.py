"""What repeats itself in a row, as a comprehension."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final


def runs(texts: Sequence[str]) -> list[str]:
    """Equal ones in a row as a comprehension, and such as count up."""
    found: list[str] = []
    at = 0
    while at < len(texts):
        end = at + 1
        while end < len(texts) and texts[end] == texts[at]:
            end += 1
        if end - at >= 3 and not texts[at].startswith("*"):
            found.append(f"*[{texts[at]} for _ in range({end - at})]")
            at = end
            continue
        counted = _counted(texts[at:])
        if counted is not None:
            length, text = counted
            found.append(f"*[{text} for i in range({length})]")
            at += length
        else:
            found.append(texts[at])
            at += 1
    return found


NUMBER: Final = re.compile(r"(?<![\w.])\d+(?![\w.])")


def _counted(texts: Sequence[str]) -> tuple[int, str] | None:
    """How many at the beginning differ by numbers alone, each of which grows evenly or doubles, and what they are for
    an `i`."""
    rows = [[int(number) for number in NUMBER.findall(text)] for text in texts]
    shapes = [NUMBER.sub("#", text) for text in texts]
    length = 1
    while length < len(texts) and shapes[length] == shapes[0] and rows[length]:
        if None in [_progression(column) for column in zip(*rows[: length + 1], strict=True)]:
            break
        length += 1
    if length < 4 or "[" in texts[0].replace("[]", "") or rows[0] == rows[1]:
        return None
    parts = iter([_progression(column) for column in zip(*rows[:length], strict=True)])

    def said(found: re.Match[str]) -> str:
        text = str(next(parts))
        beside = found.string[: found.start()].rstrip()[-1:] + found.string[found.end() :].lstrip()[:1]
        return f"({text})" if " " in text and any(sign in beside for sign in "+-*/%") else text

    return length, NUMBER.sub(said, texts[0])


def _progression(values: Sequence[int]) -> str | None:
    """Numbers in a row for an `i` that counts them: which grow evenly, or double."""
    steps = {b - a for a, b in pairwise(values)}
    if len(steps) == 1 and min(steps) >= 0:
        return _progress(values[0], steps.pop())
    if values[0] > 0 and all(b == 2 * a for a, b in pairwise(values)):
        return "2**i" if values[0] == 1 else f"{values[0]} * 2**i"
    return None


def _progress(first: int, step: int) -> str:
    times = "i" if step == 1 else f"{step} * i"
    return str(first) if step == 0 else times if first == 0 else f"{first} + {times}"


def numbered_name(name: str) -> str | None:
    """A name that ends in a number as an f-string, for an `i` that counts from 0."""
    found = re.fullmatch(r"(.*?)(\d+)", name)
    if found is None:
        return None
    said = json.dumps(found[1])[1:-1].replace("{", "{{").replace("}", "}}")
    return f'f"{said}{{{_progress(int(found[2]), 1).replace(f"{int(found[2])} + i", f"i + {int(found[2])}")}}}"'


def named_run(made: Sequence[tuple[str, str, Any]]) -> str | None:
    """Modules whose names count up, as one expression."""
    names = [re.fullmatch(r"(.*?)(\d+)", name) for name, *_ in made]
    if len(made) < 3 or not all(names):
        return None
    numbers = [int(name[2]) for name in names if name]
    front = {name[1] for name in names if name}
    if len(front) != 1 or numbers != list(range(numbers[0], numbers[0] + len(made))):
        return None
    texts = [text for _, text, _ in made]
    name = numbered_name(made[0][0])
    if len(set(texts)) == 1:
        return f"({name}, {texts[0]}) for i in range({len(made)})"
    counted = _counted(texts)
    if counted is not None and counted[0] == len(made):
        return f"({name}, {counted[1]}) for i in range({len(made)})"
    return None
