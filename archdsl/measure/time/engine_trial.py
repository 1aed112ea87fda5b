"""How long engines took for one network, and which was chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class EngineTime:
    """One engine: seconds of a call, or None with the reason why it was not run; seconds that it took to build; how far
    its outputs are from those of the module, relative to the largest; and how many calls were timed."""

    engine: str
    seconds: float | None
    built: float | None
    deviation: float | None
    note: str = ""
    calls: int = 0


@dataclass(frozen=True, slots=True)
class EngineTrial:
    """A trial of engines: for which shapes of inputs, in which precision and with how many threads, on which machine
    and with which versions of what; and the engine that was chosen, or "module" where none was fit."""

    network: str
    shapes: Mapping[str, tuple[int, ...]]
    precision: str
    threads: int
    machine: str
    versions: Mapping[str, str]
    times: tuple[EngineTime, ...]
    chosen: str

    @property
    def ranked(self) -> list[str]:
        """The engines that ran, the quickest first: the one that was chosen, then by seconds."""
        ran = [(one.engine != self.chosen, one.seconds, one.engine) for one in self.times if one.seconds is not None]
        return [engine for *_, engine in sorted(ran)]

    def to_dict(self) -> dict[str, Any]:
        """The trial as plain data."""
        shapes = {name: list(shape) for name, shape in self.shapes.items()}
        return {"archdsl": 1, **asdict(self), "shapes": shapes, "versions": dict(self.versions),
                "times": [asdict(one) for one in self.times]}  # fmt: skip


def read_trial(found: Any) -> EngineTrial:
    """A trial from its plain data. Raises `ValueError` for what is none."""
    try:
        times = tuple(EngineTime(**one) for one in found["times"])
        given = {name: found[name] for name in ("network", "precision", "threads", "machine", "versions", "chosen")}
        shapes = {name: tuple(shape) for name, shape in found["shapes"].items()}
        trial = EngineTrial(shapes=shapes, times=times, **given)
        right = found["archdsl"] == 1 and trial.chosen in trial.ranked
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no trial of engines: {error}") from None
    if not right:
        raise ValueError("no trial of engines")
    return trial
