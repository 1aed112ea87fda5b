"""The formats in which a command prints what it found; a format is one entry here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from archdsl.diagnostics import Findings
from archdsl.render.text import networks


class Format(NamedTuple):
    """A way to print findings on standard output. Where it is no `document`, faults follow on standard error."""

    summary: str
    render: Callable[[Sequence[Findings]], str]
    is_document: bool = True


def _json(findings: Sequence[Findings]) -> str:
    from archdsl.render import json  # each is loaded where it is asked for

    return json.document(findings)


def _sarif(findings: Sequence[Findings]) -> str:
    from archdsl.render import sarif

    return sarif.document(findings)


def _github(findings: Sequence[Findings]) -> str:
    from archdsl.render import github

    return github.document(findings)


FORMATS: Final = MappingProxyType(
    {
        "text": Format("for people", networks, is_document=False),
        "json": Format("one JSON document", _json),
        "sarif": Format("SARIF 2.1.0, for code scanning", _sarif),
        "github": Format("annotations of GitHub Actions", _github),
    }
)
