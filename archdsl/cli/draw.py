"""`archdsl draw`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archdsl.backends import backend
from archdsl.cli import completion
from archdsl.cli.limits import limit_options
from archdsl.cli.options import (
    at_option,
    choice_options,
    direction_option,
    engine_option,
    phase_option,
    plan_option,
    rewrite_option,
    theme_option,
    times_of_page_option,
    without_effect,
)
from archdsl.cli.results import try_place, write_or_keep, wrote
from archdsl.cli.streams import write_bytes
from archdsl.errors import SpecError
from archdsl.graph import header

if TYPE_CHECKING:
    from archdsl.presentation.difference import PrintedDifference

FORMATS = backend("viz").known_formats()
SHARED = ("direction", "fold", "theme", "engine", "profile")  # the options that two side by side have too
