"""Options that choose the lines and columns of a report's layers."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from archdsl.diagnostics import did_you_mean


def view_options(function: Callable[..., int]) -> Callable[..., int]:
    """Given as `view`, the chosen fields of a `ReportView`, and as `asked`, the first of the options given."""

    @functools.wraps(function)
    def run(
        *arguments: Any,
        depth: int | None,
        unfold: bool,
        columns: tuple[str, ...],
        sort: str | None,
        filters: tuple[tuple[str, str], ...],
        **options: Any,
    ) -> int:
        given = {"--depth": depth is not None, "--columns": columns, "--sort": sort, "--filter": filters}
        asked = next((option for option, value in given.items() if value), None)
        # A tree is for looking around; what is sorted, filtered or wanted in full is a list, unless a depth is given.
        view: dict[str, Any] = {"fold": not unfold, "depth": depth, "sort": sort, "filters": filters}
        if depth is None and (unfold or sort or filters):
            view["flat"] = True
        if columns:
            view["columns"] = columns
        if depth is not None and filters:
            raise click.UsageError("--filter lists layers; it does not go with --depth")
        return function(*arguments, view=view, asked=asked, **options)

    for option in reversed(OPTIONS):
        run = option(run)
    return run


def _columns(ctx: click.Context, option: click.Parameter, value: str | None) -> tuple[str, ...]:
    return tuple(_column(ctx, option, name.strip()) or "" for name in value.split(",")) if value is not None else ()


def _column(ctx: click.Context, option: click.Parameter, name: str | None) -> str | None:
    if name is None:
        return None
    from archdsl.presentation.columns import COLUMNS

    if name.lower() not in COLUMNS:
        help = did_you_mean(name, COLUMNS) or f"columns are {', '.join(COLUMNS)}"
        raise click.BadParameter(f"no column is called `{name}`; {help}", ctx, option)
    return name.lower()


def _filters(ctx: click.Context, option: click.Parameter, values: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    if not values:
        return ()
    from archdsl.presentation.layers import FILTERS

    found = []
    for text in values:
        of, equals, pattern = text.partition("=")
        if not equals or of not in FILTERS:
            forms = ", ".join(f"{name}=PATTERN" for name in FILTERS)
            raise click.BadParameter(f"`{text}` is none of {forms}", ctx, option)
        found.append((of, pattern))
    return tuple(found)


OPTIONS = (
    click.option("--depth", type=click.IntRange(0), metavar="N", help="A tree of blocks, open down to this depth."),
    click.option("--all", "unfold", is_flag=True, help="All layers, of equal blocks too."),
    click.option("--columns", metavar="NAME,…", callback=_columns, help="Which columns, in this order."),
    click.option("--sort", metavar="COLUMN", callback=_column, help="The greatest of a column first."),
    click.option(
        "--filter", "filters", multiple=True, metavar="OF=PATTERN", callback=_filters,
        help="Some of the layers: op=conv, path=layer1.*",
    ),
)  # fmt: skip
