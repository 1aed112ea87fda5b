"""Plans, whatever they are given as."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archdsl.placement.devices import PlacementError
from archdsl.placement.plan import PlacementPlan
from archdsl.placement.runnable import RunnablePlan, runnable


def read_plan(plan: PlacementPlan | Mapping[str, Any] | str | os.PathLike[str]) -> RunnablePlan:
    """A plan as it is run: what `place` returned, its plain data, or a file of it. Raises `PlacementError` for what is
    none."""
    if isinstance(plan, PlacementPlan):
        return runnable(plan.to_dict())
    if isinstance(plan, Mapping):
        return runnable(plan)
    try:
        return runnable(json.loads(Path(plan).read_text(encoding="utf-8")))
    except OSError as error:
        raise PlacementError(f"cannot read the plan `{plan}`: {(error.strerror or str(error)).lower()}") from None
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        raise PlacementError(f"`{plan}` is no plan: `archdsl place -o plan.json` writes one") from None
