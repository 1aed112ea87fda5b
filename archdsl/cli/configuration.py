"""Defaults of options from the section `[tool.archdsl]` of a project's pyproject.toml.

The nearest such file counts, in the working directory or above it. What the command line says comes first, then
`[tool.archdsl.COMMAND]`, then `[tool.archdsl]`, whose keys hold for every command with an option of that name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click

from archdsl.diagnostics import did_you_mean

FILE: Final = "pyproject.toml"
SECTION: Final = "tool.archdsl"
# Options that a project may set: how things are judged and shown, never what is read, written or run. The first mean
# the same in every command.
SHARED: Final = frozenset("dtype format hardware link optimizer profile theme width".split())
SETTABLE: Final = SHARED | frozenset(
    """
    columns depth direction latency lint memory micro-batches notes objective off only schedule shapes sort strict time
    view
    """.split()
)


def project(start: Path) -> Path | None:
    """The nearest pyproject.toml with a section for archdsl."""
    for folder in (start, *start.parents):
        try:
            if f"[{SECTION}".encode() in (folder / FILE).read_bytes():
                return folder / FILE
        except OSError:
            continue
    return None


def defaults(command: click.Command, name: str, start: Path, commands: Iterable[str]) -> dict[str, Any]:
    """The defaults that a project gives to a command's options, by the names of its parameters.

    `commands` are all that a section may be for. Raises `click.UsageError` where the section is wrong.
    """
    file = project(start)
    if file is None:
        return {}
    section = _section(file, commands)
    shared = {key: value for key, value in section.items() if not isinstance(value, Mapping)}
    for key in shared:
        _check(file, SECTION, key, SHARED | set(_limits()))
    options, own = _options(command), section.get(name, {})
    for key in own:
        _check(file, f"{SECTION}.{name}", key, options)
    return {options[key]: value for key, value in (shared | own).items() if key in options}


def _section(file: Path, commands: Iterable[str]) -> dict[str, Any]:
    """The section, each of whose tables has the name of a command."""
    import tomllib

    try:
        section: Any = tomllib.loads(file.read_text(encoding="utf-8"))["tool"]["archdsl"]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{file} cannot be read: {error}") from None
    except (KeyError, TypeError):  # the words stand in a comment or a text
        return {}
    if not isinstance(section, dict):
        raise click.UsageError(f"{file}: `{SECTION}` is not a table")
    for key, value in section.items():
        if isinstance(value, Mapping):
            _check(file, SECTION, key, commands)
    return section


def _options(command: click.Command) -> dict[str, str]:
    """The parameter of each option that a project may set, by the option's name without dashes."""
    return {
        name.lstrip("-"): option.name
        for option in command.params
        if isinstance(option, click.Option) and option.name is not None
        for name in option.opts
        if name.lstrip("-") in SETTABLE or name.startswith("--max-")
    }


def _limits() -> Iterator[str]:
    from archdsl.limits import LIMITS

    return (f"max-{limit.name}" for limit in LIMITS)


def _check(file: Path, section: str, key: str, known: Any) -> None:
    if key not in known:
        help = did_you_mean(key, known) or f"known are {', '.join(sorted(known))}"
        raise click.UsageError(f"{file}: `[{section}]` has no key `{key}`; {help}")
