"""Networks side by side: a column for each, a line for each total."""

from __future__ import annotations

from collections.abc import Sequence

from archdsl.measure.network.report import TOTALS, Report
from archdsl.sheet.sheet import Column, Line, Sheet
from archdsl.sheet.units import UNKNOWN

ORDER = ("layers", *(total for total in TOTALS if total != "layers"))
KEYS = ("network", "variant", "hash", "totals")  # of a network's report, in JSON


def comparison(names: Sequence[str], reports: Sequence[Report]) -> Sheet:
    """The totals of several networks under the names given."""
    counted: dict[str, list[str]] = {}  # the networks by the batch that they are counted for
    for name, report in zip(names, reports, strict=True):
        if report.assumed:
            counted.setdefault(" and ".join(map(str, sorted(set(report.least_batch.values())))), []).append(name)
    documents = [report.to_dict() for report in reports]
    return Sheet(
        title=", ".join(names),
        columns=(Column("", wrap=True), *(Column(name, "count") for name in names)),
        lines=tuple(
            Line(
                (
                    TOTALS[total],
                    *(UNKNOWN if (cost := getattr(report, total)) is None else cost for report in reports),
                ),
                kind="bytes" if "bytes" in total else None,
            )
            for total in ORDER
        ),
        notes=tuple(f"for a batch of {batch}: {', '.join(some)}" for batch, some in counted.items()),
        document={"archdsl": 1, "networks": [{key: document[key] for key in KEYS} for document in documents]},
    )
