"""Figures of the reader's own in the page's data: what each item has of them, for a heat map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from archdsl.own_figures import OwnFigure
from viz.html.document import Document
from viz.html.pictures import Picture


def overlay(
    known: Document, pictures: Mapping[str, Picture], own: Sequence[OwnFigure]
) -> tuple[Document, dict[str, Picture]]:
    """The document and pictures with these figures after those of their own; groups and stages have the sums of their
    layers. Items without a layer that has a value lack the figure."""
    items = [dict(item) for item in known.data["items"]]
    parts = {name: [dict(part) for part in picture.data.get("parts", ())] for name, picture in pictures.items()}
    told = []
    for number, figure in enumerate(own):
        key = f"own{number}"
        signed = any(value < 0 for value in figure.values.values())
        told.append({"key": key, "name": figure.title, "unit": "own", "of": figure.unit, "own": True, "signed": signed})
        _add_up(items, known.places, figure.values, key)
        for part in (part for listed in parts.values() for part in listed):
            found = [items[place][key] for place in dict.fromkeys(part["layers"]) if key in items[place]]
            part |= {key: sum(found)} if found else {}
    data = {**known.data, "items": items, "figures": [*known.data["figures"], *told]}
    shown = {
        name: replace(picture, data={**picture.data, "parts": parts[name]} if parts[name] else picture.data)
        for name, picture in pictures.items()
    }
    return replace(known, data=data), shown


def _add_up(items: list[dict[str, Any]], places: Mapping[str, int], values: Mapping[str, float], key: str) -> None:
    for layer, value in values.items():
        if layer in places:
            item = items[places[layer]]
            item[key] = item.get(key, 0.0) + value
    for item in reversed(items):  # every item stands after its parent
        if key in item and item["parent"] is not None:
            around = items[item["parent"]]
            around[key] = around.get(key, 0.0) + item[key]
