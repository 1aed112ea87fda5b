"""What papers and well-known implementations say of the shipped networks, beside what archdsl counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from archdsl.graph import Graph, header, live
from archdsl.measure.network.analyse import analyse
from archdsl.measure.network.report import Report
from archdsl.pipeline import check
from archdsl.sheet.sheet import Column, Line, Sheet
from archdsl.shipped import SPECS, shipped_specs

FILE: Final = SPECS / "published.json"
TITLES: Final = {
    "params": "parameters",
    "param_bytes": "bytes of parameters",
    "macs": "MACs",
}


@dataclass(frozen=True, slots=True)
class PublishedFigure:
    """One published figure of a network and ours.

    agrees: "equal"; "rounded" where ours rounds to it (or stays below a bound); "differs" where `note` says why.
    """

    network: str
    figure: str
    published: str
    source: str
    ours: int
    agrees: Literal["equal", "rounded", "differs"]
    note: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def figures() -> list[PublishedFigure]:
    """All published figures of all shipped networks, in the order of the files; those that papers print first."""
    known = json.loads(FILE.read_text(encoding="utf-8"))
    found: list[PublishedFigure] = []
    for file in shipped_specs():
        for graph in check(file):
            variant = header(graph)["variant"]
            if variant is not None:
                name = known["aliases"].get(variant, variant)
                found += _figures(variant, known["networks"][name], graph)
    return found


def checkpoints(variant: str) -> list[str]:
    """The models of libraries whose checkpoints a variant takes under their own names: `torchvision resnet50`."""
    found: list[str] = json.loads(FILE.read_text(encoding="utf-8"))["checkpoints"].get(variant, [])
    return found


def sheet() -> Sheet:
    """Every published figure beside ours; a number leads to the reason why they differ."""
    found = figures()
    columns = (
        Column("network", group=True),
        Column("figure"),
        Column("published", "figure", wrap=True),
        Column("ours", "count"),
        Column("agrees"),
        Column("source", rank=1, wrap=True),
    )
    reasons = {note: number for number, note in enumerate(dict.fromkeys(f.note for f in found if f.note), 1)}
    return Sheet(
        title="published figures and ours",
        columns=columns,
        lines=tuple(
            Line((f.network, f.figure, f.published, f.ours, f.agrees + _mark(reasons.get(f.note)), f.source))
            for f in found
        ),
        notes=tuple(f"[{number}]  {note}" for note, number in reasons.items()),
        document={"archdsl": 1, "figures": [figure.to_dict() for figure in found]},
    )


def printed(graph: Graph) -> list[PublishedFigure]:
    """What papers print of the multiply-adds of a shipped network."""
    known = json.loads(FILE.read_text(encoding="utf-8"))
    variant = header(graph)["variant"] or ""
    found = known["networks"].get(known["aliases"].get(variant, variant), {})
    report = analyse(graph)
    if not report.assumed:  # a batch of one's own
        return []
    entries = [entry for entry in found.get("printed", ()) if entry["of"] == "macs"]
    return [_count(variant, found, report, graph, "macs", entry.get("phase", "inference"), entry) for entry in entries]


def _figures(variant: str, known: dict[str, Any], graph: Graph) -> Iterator[PublishedFigure]:
    report = analyse(graph)
    for entry in known.get("printed", ()):
        yield _count(variant, known, report, graph, entry["of"], entry.get("phase", "inference"), entry)
    for phase, entries in _exact(known).items():
        for of, entry in entries.items():
            yield _count(variant, known, report, graph, of, phase, entry)
    if "receptive_field" in known:
        entry = known["receptive_field"]
        ours = _field(report, entry["at"])
        shown = f"receptive field of {entry['at']}"
        yield PublishedFigure(
            variant, shown, str(entry["value"]), entry["source"], ours, _agrees(ours, entry["value"], 0), ""
        )


def _exact(known: dict[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """The exact figures by phase; in training, everything there is takes part."""
    found = {"training": {of: known[of] for of in ("params", "macs")}}
    if "inference" in known:
        inference = known["inference"]
        found["inference"] = {of: {"value": inference[of], "source": inference["source"]} for of in ("params", "macs")}
    return found


def _count(
    variant: str, known: dict[str, Any], report: Report, graph: Graph, of: str, phase: str, entry: dict[str, Any]
) -> PublishedFigure:
    ours = _ours(report, graph, of, phase)
    return PublishedFigure(
        network=variant,
        figure=TITLES[of] + (f" in {phase}" if "inference" in known else ""),
        published=entry.get("printed", f"{entry['value']:,}"),
        source=entry["source"],
        ours=ours,
        agrees=_agrees(ours, entry["value"], entry.get("unit", 0)),
        note=entry.get("note", ""),
    )


def _ours(report: Report, graph: Graph, of: str, phase: str) -> int:
    """A count of the report; for a batch of 1, with or without what exists in training only."""
    if of == "param_bytes":
        return report.param_bytes
    used = live(graph, training=phase == "training")
    counts = (getattr(row, of) for row in report.nodes if row.path in used)
    return sum(count for count in counts if isinstance(count, int))


def _field(report: Report, at: str) -> int:
    row = [row for row in report.nodes if row.path == at or row.path.startswith(f"{at}.")][-1]
    return row.field[0].size if row.field else 0


def _agrees(ours: int, published: int, unit: int | None) -> Literal["equal", "rounded", "differs"]:
    if ours == published:
        return "equal"
    if unit is None:  # a bound
        return "rounded" if ours < published else "differs"
    return "rounded" if abs(ours - published) * 2 <= unit else "differs"


def _mark(number: int | None) -> str:
    return "" if number is None else f" [{number}]"
