"""TikZ: the drawing as a LaTeX document of its own, which a paper can include, or whose lines can be edited."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Final
from xml.etree.ElementTree import Element

from viz.formats import Drawable, svg
from viz.look import Look

# Letters as wide as those of the drawing come from TeX Gyre Heros. TeX stops at a font that it has not, and many small
# installations have no such letters; the narrower ones of Computer Modern are everywhere.
HEAD: Final = r"""% A drawing by archdsl. To compile it: pdflatex FILE.tex
% It needs the class standalone with TikZ, and looks best with the fonts of tex-gyre.
% In a paper: \usepackage{standalone,tikz} and \input{FILE}, or \includegraphics of the compiled page.
\documentclass[tikz]{standalone}
\usepackage{fix-cm}
\usepackage{textcomp}
\IfFileExists{tgheros.sty}{%
  \usepackage[T1]{fontenc}
  \usepackage{tgheros}}{%
  \renewcommand{\texttimes}{$\times$}
  \renewcommand{\textminus}{$-$}
  \renewcommand{\textdiv}{$\div$}
  \renewcommand{\textperiodcentered}{$\cdot$}
  \renewcommand{\textquotedbl}{''}
  \renewcommand{\textquotesingle}{'}
  \renewcommand{\textasciigrave}{`}}
\begin{document}\sffamily"""
ESCAPED: Final = MappingProxyType(
    {c: f"\\{c}" for c in "{}$&#_%"}
    | {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "…": "..."}
    | {
        "×": r"\texttimes{}",
        "−": r"\textminus{}",
        "÷": r"\textdiv{}",
        "·": r"\textperiodcentered{}",
        "→": r"$\to$",
        "≈": r"$\approx$",
        "\xa0": "~",
    }
    | {
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': r"\textquotedbl{}",
        "`": r"\textasciigrave{}",
    }
    | {"-": "{-}", "'": r"\textquotesingle{}", "—": r"\textemdash{}"}
)
ANCHORS: Final = MappingProxyType({"start": "base west", "middle": "base", "end": "base east"})


def render(subject: Drawable, look: Look) -> bytes:
    """The LaTeX document of a drawing. pdflatex, xelatex and lualatex compile it."""
    page = svg.picture(subject, look)
    colours: dict[str, str] = {}
    body = list(_written(page, colours, _size(page), (0.0, 0.0)))
    defined = [f"\\definecolor{{{name}}}{{HTML}}{{{value[1:].upper()}}}" for value, name in colours.items()]
    lines = [HEAD, *defined, "\\begin{tikzpicture}[x=1bp, y=-1bp]"]
    return "\n".join([*lines, *body, "\\end{tikzpicture}", "\\end{document}", ""]).encode()


def text(said: str) -> str:
    """A text as TeX that shows it; what the font has not is shown as its code."""
    return "".join(ESCAPED.get(c) or (c if c.isascii() or "\xa1" <= c <= "\xff" else f"[U+{ord(c):04X}]") for c in said)


def _size(page: Element) -> tuple[float, float]:
    _, _, width, height = (float(x) for x in page.get("viewBox", "0 0 0 0").split())
    return width, height


def _written(
    group: Element, colours: dict[str, str], page: tuple[float, float], at: tuple[float, float]
) -> Iterator[str]:
    """The lines for a group of elements, whose origin is at a point."""
    for part in group:
        moved = re.search(r"translate\(([-\d.]+)[ ,]([-\d.]+)\)", part.get("transform", ""))
        place = (at[0] + float(moved[1]), at[1] + float(moved[2])) if moved else at
        if part.tag == "g":
            yield from _written(part, colours, page, place)
        elif part.tag == "text":
            yield _text(part, colours, place)
        elif part.tag != "title":
            drawn = _path(part, page, place)
            yield f"\\path[{', '.join(_style(part, colours))}] {drawn};"


def _style(part: Element, colours: dict[str, str]) -> Iterator[str]:
    for option, name in (("fill", "fill"), ("draw", "stroke")):
        value = part.get(name, "none")
        if value not in ("none", "transparent"):
            yield f"{option}={_colour(value, colours)}"
    if part.get("stroke", "none") != "none":
        yield f"line width={part.get('stroke-width', '1')}bp"
    if part.get("stroke-dasharray"):
        yield "dash pattern=on 4bp off 2.5bp"
    if float(part.get("rx", "0")) and part.tag == "rect":
        yield f"rounded corners={part.get('rx')}bp"
    if part.get("stroke-linejoin") == "round":
        yield "line join=round"


def _colour(value: str, colours: dict[str, str]) -> str:
    if not value.startswith("#"):
        return value  # black and white have the same names in TeX
    if len(value) == 4:
        value = "#" + "".join(2 * digit for digit in value[1:])
    return colours.setdefault(value, f"archdsl{len(colours)}")


def _path(part: Element, page: tuple[float, float], at: tuple[float, float]) -> str:
    def point(x: float, y: float) -> str:
        return f"({x + at[0]:.2f}, {y + at[1]:.2f})"

    def number(name: str, whole: float = 0.0) -> float:
        value = part.get(name, "0")
        return whole * float(value[:-1]) / 100 if value.endswith("%") else float(value)

    if part.tag == "rect":
        x, y = number("x"), number("y")
        return f"{point(x, y)} rectangle {point(x + number('width', page[0]), y + number('height', page[1]))}"
    if part.tag == "ellipse":
        return f"{point(number('cx'), number('cy'))} ellipse[x radius={number('rx'):.2f}, y radius={number('ry'):.2f}]"
    if part.tag == "line":
        return f"{point(number('x1'), number('y1'))} -- {point(number('x2'), number('y2'))}"
    if part.tag in ("polygon", "polyline"):
        corners = [point(*pair) for pair in _pairs(part.get("points", ""))]
        return " -- ".join([*corners, "cycle"] if part.tag == "polygon" else corners)
    return " ".join(_segments(part.get("d", ""), point))


def _segments(path: str, point: Callable[[float, float], str]) -> Iterator[str]:
    """The commands M, L, C and Z, as Graphviz and we write them."""
    for command, numbers in re.findall(r"([MLCZz])([^MLCZz]*)", path):
        points = [point(x, y) for x, y in _pairs(numbers)]
        if command == "M":
            yield points[0]
        elif command == "L":
            yield from (f"-- {corner}" for corner in points)
        elif command == "C":
            for a, b, end in zip(points[::3], points[1::3], points[2::3], strict=True):
                yield f".. controls {a} and {b} .. {end}"
        else:
            yield "-- cycle"


def _pairs(numbers: str) -> list[tuple[float, float]]:
    found = [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", numbers)]
    return list(zip(found[::2], found[1::2], strict=True))


def _text(part: Element, colours: dict[str, str], at: tuple[float, float]) -> str:
    x, y = float(part.get("x", "0")) + at[0], float(part.get("y", "0")) + at[1]
    size = part.get("font-size", "12")
    font = f"\\fontsize{{{size}bp}}{{{size}bp}}\\selectfont"
    rim = part.get("stroke")  # apart from lines; a letter has no outline in TeX, so it is its box that covers them
    options = [
        f"anchor={ANCHORS[part.get('text-anchor', 'start')]}",
        "inner sep=0pt",
        *(
            [f"fill={_colour(rim, colours)}, fill opacity={part.get('stroke-opacity', '1')}, text opacity=1"]
            if rim
            else []
        ),
        f"text={_colour(part.get('fill', 'black'), colours)}",
        f"font={font}" + ("\\bfseries" if part.get("font-weight") == "bold" else ""),
    ]
    turned = re.search(r"rotate\(([-\d.]+)", part.get("transform", ""))
    if turned:
        options.append(f"rotate={-float(turned[1]):g}")
    return f"\\node[{', '.join(options)}] at ({x:.2f}, {y:.2f}) {{{text(part.text or '')}}};"
