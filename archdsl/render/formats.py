"""The formats in which a command prints what it found; a format is one entry here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from archdsl.diagnostics import Findings
from archdsl.render import github, json, sarif, text


class Format(NamedTuple):
    """A way to print findings on standard output. Where it is no `document`, faults follow on standard error."""

    summary: str
    render: Callable[[Sequence[Findings]], str]
    is_document: bool = True


FORMATS: Final = MappingProxyType(
    {
        "text": Format("for people", text.networks, is_document=False),
        "json": Format("one JSON document", json.document),
        "sarif": Format("SARIF 2.1.0, for code scanning", sarif.document),
        "github": Format("annotations of GitHub Actions", github.document),
    }
)
