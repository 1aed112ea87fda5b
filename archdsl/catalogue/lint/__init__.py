"""What lint finds: each rule with the source of its claim, a spec that has the finding and one that has not."""

from __future__ import annotations

from typing import Final

from archdsl.catalogue._entry import Entry
from archdsl.catalogue.lint import cost, geometry, names, training

ENTRIES: Final[dict[str, Entry]] = {**names.ENTRIES, **training.ENTRIES, **geometry.ENTRIES, **cost.ENTRIES}
