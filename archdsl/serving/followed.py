"""A spec that is followed: its page as it last was right, and what is wrong with it now."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archdsl.address import file_of
from archdsl.backends import backend
from archdsl.errors import SpecError
from archdsl.graph import Graph, header
from archdsl.pipeline import load_graph
from archdsl.render.text import render

PLACE = 1  # of the first line


@dataclass(frozen=True, slots=True)
class ShownFault:
    """What is wrong: a diagnostic as a terminal shows it, and where."""

    text: str
    file: str | None
    line: int | None


@dataclass(frozen=True, slots=True)
class PageState:
    """What a browser is told. `page` counts the pages that were right; `settings` are those that can be changed."""

    version: int
    page: int
    title: str
    faults: tuple[ShownFault, ...]
    settings: tuple[dict[str, Any], ...]


class FollowedSpec:
    """A SPEC on disk, its files and the settings that were chosen for it. Several threads may ask it."""

    def __init__(self, spec: str, settings: Mapping[str, Any], inputs: Mapping[str, tuple[int, ...]]) -> None:
        self._spec = spec
        self._inputs = inputs
        self._chosen: dict[str, Any] = dict(settings)
        self._changed = threading.Condition()
        self._files: dict[Path, tuple[int, int] | None] = {}
        self.html = b""
        self.state = PageState(0, 0, spec, (), ())
        self.build()

    # --- what is there

    def build(self) -> None:
        """Read the spec and make its page; where that cannot be, the page before stays."""
        own = file_of(self._spec)
        files = {own} if own is not None else set()
        graph: Graph | None = None
        faults: tuple[ShownFault, ...] = ()
        html = None
        before = {path: stamp(path) for path in files | set(self._files)}
        try:
            graph = load_graph(self._spec, self._chosen, self._inputs)
            html = backend("viz").render(graph, "html")
        except SpecError as error:
            faults = tuple(_fault(found) for found in error.diagnostics)
        except ValueError as error:  # a picture that cannot be drawn
            faults = (ShownFault(f"error: {error}", None, None),)
        if graph is not None:
            files |= {Path(source.name) for source in header(graph)["written"].sources}
        with self._changed:
            self._files = {path: before.get(path) or stamp(path) for path in files or set(self._files)}
            old = self.state
            if html is not None and graph is not None:
                self.html = html
                head = header(graph)
                title = head["variant"] or head["network"]
                self.state = PageState(old.version + 1, old.page + 1, title, (), tuple(_settings(head["settings"])))
            else:
                self.state = PageState(old.version + 1, old.page, old.title, faults, old.settings)
            self._changed.notify_all()

    def changed(self) -> bool:
        """Whether a file of the spec is another than when it was last read."""
        return any(stamp(path) != before for path, before in self._files.items())

    def choose(self, name: str, value: Any) -> None:
        """Another value of a setting."""
        if not any(one["name"] == name for one in self.state.settings):
            raise KeyError(name)
        self._chosen[name] = value
        self.build()

    @property
    def files(self) -> frozenset[str]:
        """The files that the spec is read from, by the names that the page shows."""
        return frozenset(str(path) for path in self._files)

    def wait(self, version: int, seconds: float) -> PageState:
        """The state when it is another than this version, or after a time."""
        with self._changed:
            self._changed.wait_for(lambda: self.state.version != version, seconds)
            return self.state


def follow(spec: FollowedSpec, stop: threading.Event, pause: float = 0.2) -> None:
    """Build the page anew whenever a file changed, until `stop`."""
    while not stop.wait(pause):
        if spec.changed():
            spec.build()


def stamp(path: Path) -> tuple[int, int] | None:
    """When a file was last written, and its size; None where it is not there, as in the middle of a save."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _fault(found: Any) -> ShownFault:
    span = found.span
    return ShownFault(render(found), span.source.name if span else found.place, span.line if span else None)


def _settings(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The settings that a page can offer to change: numbers, truth values and texts."""
    return [{"name": n, "value": v} for n, v in found.items() if isinstance(v, (bool, int, float, str))]


Opener = Callable[[str, int], str | None]
