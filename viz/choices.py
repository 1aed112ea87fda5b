"""What may be asked of a drawing: the one place that checks it, before anything is drawn."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple, get_args

from archdsl.measure.time.device_profile import DeviceProfile
from archdsl.phases import Phase
from archdsl.quantities import points
from viz.look import Arrangement, Direction, Engine, ViewName
from viz.recolour import Theme


class AllowedValues(NamedTuple):
    """An option that takes other values than some words."""

    allows: Callable[[Any], bool]
    values: str


WIDTHS: Final = (72.0, 40 * 72.0)  # of a figure, in points
FONTS: Final = (6.0, 24.0)


def _is_files(value: Any) -> bool:
    paths = value if isinstance(value, (list, tuple)) else [value]
    return all(isinstance(path, (str, os.PathLike)) for path in paths)


WORDS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = MappingProxyType(
    {
        "view": ("view", get_args(ViewName)),
        "direction": ("direction", get_args(Direction)),
        "phase": ("phase", get_args(Phase)),
        "theme": ("theme", get_args(Theme)),
        "engine": ("engine", get_args(Engine)),
        "arrange": ("arrangement", get_args(Arrangement)),
    }
)
OTHERS: Final[Mapping[str, AllowedValues]] = MappingProxyType(
    {
        "shapes": AllowedValues(lambda value: isinstance(value, bool) or value == "all", 'True, False or "all"'),
        "blocks": AllowedValues(lambda value: isinstance(value, bool) or value == "fit", 'True, False or "fit"'),
        "fold": AllowedValues(lambda value: isinstance(value, bool), "True or False"),
        "depth": AllowedValues(
            lambda value: value in ("fit", None) or (type(value) is int and value >= 1),
            '"fit", None for all, or a number from 1 (a drawing is at least 1 deep)',
        ),
        "focus": AllowedValues(
            lambda value: value is None or isinstance(value, str), "the path of a block or layer, or None"
        ),
        "width": AllowedValues(
            lambda value: value is None or (isinstance(value, str) and WIDTHS[0] <= (points(value) or 0) <= WIDTHS[1]),
            'a length from 1in to 40in, as "3.5in", "88mm" or "252pt", or None',
        ),
        "font": AllowedValues(
            lambda value: value is None or (isinstance(value, str) and FONTS[0] <= (points(value) or 0) <= FONTS[1]),
            'a size of letters from 6pt to 24pt, as "8pt", or None',
        ),
        "heat": AllowedValues(_is_files, "the path of a file of figures, or a list of these"),
        "profile": AllowedValues(
            lambda value: isinstance(value, (str, DeviceProfile)), "the name of a device, or a profile"
        ),
    }
)


def check(**asked: Any) -> None:
    """Raises `ValueError` for a value that an option does not take; it names the option and the values."""
    for name, value in asked.items():
        if name in OTHERS:
            if not OTHERS[name].allows(value):
                raise ValueError(f"`{name}` is {OTHERS[name].values}, not {value!r}")
        else:
            what, known = WORDS[name]
            if value not in known:
                raise ValueError(f"no {what} is called {value!r}; known are {', '.join(known)}")
