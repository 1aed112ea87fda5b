"""What would change in a file, as a unified diff."""

from __future__ import annotations

import difflib
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from archdsl.render.text import printable

MOST: Final = 400  # lines between two that are known to be the same: what is longer is shown as replaced
AROUND: Final = 3  # lines of context


def changes(name: str, before: str, after: str, how: str) -> str:
    """The diff of a file's text before and after; `how` says what was done to it."""
    old, new = (text.splitlines(keepends=True) for text in (before, after))
    shown = printable(name)
    lines = _unified(old, new, shown, f"{shown} ({how})")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _unified(old: Sequence[str], new: Sequence[str], before: str, after: str) -> Iterator[str]:
    for i, group in enumerate(_Lines(old, new).get_grouped_opcodes(AROUND)):
        if i == 0:
            yield f"--- {before}\n+++ {after}\n"
        first, last = group[0], group[-1]
        yield f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@\n"
        for kind, old_start, old_end, new_start, new_end in group:
            if kind == "equal":
                yield from (f" {line}" for line in old[old_start:old_end])
            else:
                yield from (f"-{line}" for line in old[old_start:old_end])
                yield from (f"+{line}" for line in new[new_start:new_end])


def _range(start: int, end: int) -> str:
    """Lines as unified diffs name them."""
    if end - start == 1:
        return str(start + 1)
    return f"{start + (end > start)},{end - start}"


class _Lines(difflib.SequenceMatcher[str]):
    """Matches lines in a time that grows as the texts do: difflib alone takes minutes over some of thousands of lines.

    Lines that occur once in both texts are the same line, as far as they come in the same order ("patience diff"); only
    what lies between them is compared by difflib.
    """

    def __init__(self, old: Sequence[str], new: Sequence[str]) -> None:
        super().__init__(None, "", "")
        self._old, self._new = old, new

    def get_matching_blocks(self) -> list[difflib.Match]:
        anchors = [*_anchors(self._old, self._new), (len(self._old), len(self._new))]
        found: list[difflib.Match] = []
        old_start = new_start = 0
        for old_end, new_end in anchors:
            found += self._between(old_start, old_end, new_start, new_end)
            found.append(difflib.Match(old_end, new_end, int(old_end < len(self._old))))
            old_start, new_start = old_end + 1, new_end + 1
        return _joined(found)

    def _between(self, old_start: int, old_end: int, new_start: int, new_end: int) -> list[difflib.Match]:
        if max(old_end - old_start, new_end - new_start) > MOST:
            return []
        matcher = difflib.SequenceMatcher(None, self._old[old_start:old_end], self._new[new_start:new_end], False)
        return [
            difflib.Match(match.a + old_start, match.b + new_start, match.size)
            for match in matcher.get_matching_blocks()
            if match.size
        ]


def _anchors(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """The lines that occur once in both texts, as many as come in the same order; and those that both begin with."""
    head = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    counts = Counter(old), Counter(new)
    places = {line: i for i, line in enumerate(new)}
    pairs = [(i, places[line]) for i, line in enumerate(old) if counts[0][line] == 1 == counts[1][line]]
    tops: list[int] = []  # the least last place of an increasing row of each length
    ends: list[int] = []  # the pair it ends with
    before: list[int | None] = []
    for i, (_, place) in enumerate(pairs):
        at = bisect_left(tops, place)
        before.append(ends[at - 1] if at else None)
        tops[at : at + 1], ends[at : at + 1] = [place], [i]
    row: list[tuple[int, int]] = []
    last = ends[-1] if ends else None
    while last is not None:
        row.append(pairs[last])
        last = before[last]
    return [*((i, i) for i in range(head)), *(pair for pair in reversed(row) if pair[0] >= head and pair[1] >= head)]


def _joined(matches: Sequence[difflib.Match]) -> list[difflib.Match]:
    """Matches without gaps between them as one; the last, of no lines, is the end."""
    found: list[difflib.Match] = []
    for match in matches:
        last = found[-1] if found else None
        if last is not None and last.size and match.size and (last.a + last.size, last.b + last.size) == match[:2]:
            found[-1] = difflib.Match(last.a, last.b, last.size + match.size)
        elif match.size:
            found.append(match)
    return [*found, matches[-1]]
