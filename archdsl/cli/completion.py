"""What a shell offers to complete, for click's completion: networks and files, settings, codes, operators.

Imports stand in the functions: every command has them, and only a shell calls them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def specs(ctx: click.Context, param: click.Parameter, begun: str) -> list[CompletionItem]:
    """Networks that ship with archdsl, what a file that is named holds, and files."""
    from click.shell_completion import CompletionItem

    from archdsl.shipped import zoo

    file, colon, name = begun.rpartition(":")
    if colon:
        return [CompletionItem(f"{file}:{one}") for one in _held(file) if one.startswith(name)]
    return [*(CompletionItem(one) for one in zoo() if one.startswith(begun)), CompletionItem(begun, type="file")]


def settings(ctx: click.Context, param: click.Parameter, begun: str) -> list[CompletionItem]:
    """The settings of the network that the command line names."""
    from click.shell_completion import CompletionItem

    from archdsl.errors import SpecError
    from archdsl.graph import header
    from archdsl.pipeline import load_graph

    named = [ctx.params.get("spec"), *ctx.args]  # `--set` without its value stops the parser: SPEC is left over
    spec = next((word for word in named if isinstance(word, str)), None)
    try:
        found = {} if spec is None else header(load_graph(spec))["settings"]
    except SpecError:
        return []
    return [CompletionItem(f"{name}=") for name in found if name.startswith(begun)]


def codes_and_operators(ctx: click.Context, param: click.Parameter, begun: str) -> list[CompletionItem]:
    """Codes of diagnostics and names of operators, with what they are."""
    from click.shell_completion import CompletionItem

    from archdsl.catalogue import CATALOGUE
    from archdsl.ops import OPERATORS

    found = {code: entry.summary for code, entry in CATALOGUE.items()}
    found |= {name: (operator.__doc__ or "").strip().partition("\n")[0] for name, operator in OPERATORS.items()}
    return [CompletionItem(name, help=text) for name, text in found.items() if name.startswith(begun)]


def _held(file: str) -> list[str]:
    """The networks and variants of a file; none of one that cannot be read."""
    from pathlib import Path

    from archdsl.errors import SpecError
    from archdsl.read import read
    from archdsl.syntax import forms

    try:
        spec = forms.parse(read(Path(file)))
    except SpecError:
        return []
    return [network.name.id for network in spec.networks] + [variant.name.id for variant in spec.variants]
