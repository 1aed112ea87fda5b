"""Solids as a figure of a document: in one row if that can be read, else as a U, or in rows below one another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from xml.etree.ElementTree import Element

from viz.figure import Figure
from viz.look import Look
from viz.volumes import picture, rows, ushape
from viz.volumes.view import Volumes


def drawings(volumes: Volumes, look: Look, figure: Figure) -> Iterator[Callable[[], Element]]:
    """Ever smaller pictures of the same."""
    yield partial(picture.draw, volumes, look.theme)
    room = figure.room[0]
    every = [volumes, *volumes.smaller()]
    for one in every:
        if ushape.is_one(one):
            yield partial(ushape.draw, one, look.theme, room)
    for one in chain(every, volumes.shorter()):
        yield partial(rows.draw, one, look.theme, room)
