"""How wide a text is in Liberation Sans, which has the widths of Arial and Helvetica."""

from __future__ import annotations

from typing import Final

# Thousandths of the size, with the letters that are so wide. All others are as wide as a digit.
WIDTHS: Final = {
    191: "'",
    222: "ijl",
    278: " \N{NO-BREAK SPACE}!,./:;I[\\]ft·",
    333: "()-`r",
    334: "{}",
    355: '"',
    389: "*",
    469: "^",
    500: "Jckstvxyz",
    584: "+<=>~×÷−",
    611: "FTZ",
    667: "&ABEKPSVXY",
    722: "CDHNRUw",
    778: "GOQ",
    833: "Mm",
    889: "%",
    944: "W",
    1000: "…—→",
    1015: "@",
}
DIGIT: Final = 556
BOLD: Final = 1.08  # how much wider bold letters are, at most

_WIDTH: Final = {letter: width for width, letters in WIDTHS.items() for letter in letters}


def width(text: str, size: float, *, bold: bool = False) -> float:
    """The width of a line in points, for letters of this size."""
    return sum(_WIDTH.get(letter, DIGIT) for letter in text) * size / 1000 * (BOLD if bold else 1.0)


def lines(text: str, size: float, room: float, *, bold: bool = False) -> list[str]:
    """A text in lines that are no wider than this, if its words are not."""
    found: list[str] = []
    for word in text.split(" "):
        longer = f"{found[-1]} {word}" if found else word
        if found and width(longer, size, bold=bold) <= room:
            found[-1] = longer
        else:
            found.append(word)
    return found
