"""The options that set other limits, made from the limits themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from archdsl.limits import LIMITS, Limit, limited

F = TypeVar("F", bound=Callable[..., Any])


def limit_options(function: F) -> F:
    """--max-layers and the others, in force while the command runs."""
    return _options(function, LIMITS)


def reading_limit_options(function: F) -> F:
    """Those of them that matter to a command which reads a text and elaborates nothing."""
    return _options(function, [limit for limit in LIMITS if limit.reading])


def _options(function: F, limits: Any) -> F:
    for limit in reversed(list(limits)):
        function = click.option(
            f"--max-{limit.name}", type=click.IntRange(1), default=limit.default, show_default=True, metavar="N",
            help=f"Most {limit.doc}.", expose_value=False, callback=_setter(limit),
        )(function)  # fmt: skip
    return function


def _setter(limit: Limit) -> Callable[[click.Context, click.Parameter, int], None]:
    def put_in_force(ctx: click.Context, option: click.Parameter, value: int) -> None:
        if value != limit.default:
            ctx.with_resource(limited(**{limit.name: value}))

    return put_in_force
