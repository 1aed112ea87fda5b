"""Arguments of the Python interface, checked where they come in: what is wrong is told by the argument's own name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from archdsl.diagnostics import Diagnostic, an_object, did_you_mean
from archdsl.errors import SpecError
from archdsl.evaluate import MAX_LENGTH

MAX_RANK: Final = 64  # of a shape that is worth showing; torch has no more dimensions either


def one_of(argument: str, value: object, known: Iterable[str]) -> None:
    """Raises `ValueError` where an argument has none of the values that it takes."""
    values = list(known)
    if isinstance(value, str) and value in values:  # an array, say, cannot be looked for
        return
    listed = ", ".join(map(repr, values[:-1])) + f" or {values[-1]!r}"
    raise ValueError(f"{argument} is {listed}, not {value!r:.80}")


def training_conditions(**given: object) -> None:
    """Raises `ValueError` for an optimizer, a dtype or a hardware that is not known."""
    from archdsl.measure.run.optimizer import OPTIMIZERS
    from archdsl.measure.run.precision import PRECISIONS

    known = {"optimizer": OPTIMIZERS, "dtype": PRECISIONS, "hardware": ("cuda", "cpu")}
    for argument, value in given.items():
        one_of(argument, value, known[argument])


def instance_of(argument: str, value: object, kind: type | tuple[type, ...], what: str) -> None:
    """Raises `TypeError` where an argument is something else."""
    if not isinstance(value, kind):
        raise TypeError(f"{argument} is {what}, not {an_object(value)}")


def list_of(argument: str, value: object, kind: type, what: str) -> None:
    """Raises `TypeError` where an argument is no list, or something in it is something else."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise TypeError(f"{argument} is a list, each of it {what}, not {an_object(value)}")
    for one in value:
        instance_of(f"each of {argument}", one, kind, what)


def options(of: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raises `TypeError` for an option that there is not."""
    names = list(known)
    for name in given:
        if name not in names:
            help = did_you_mean(name, names) or f"known are {', '.join(names)}"
            raise TypeError(f"{of} has no option `{name}`; {help}")


def file_path(argument: str, value: object) -> Path:
    """The path of a file to write. Raises `TypeError` for what is none, `ValueError` for a name no file can have."""
    instance_of(argument, value, (str, os.PathLike), "the path of a file")
    text = os.fspath(value)  # type: ignore[call-overload]
    instance_of(argument, text, str, "the path of a file")
    try:
        fits = b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        fits = False
    if not fits:
        raise ValueError(f"{argument} is the path of a file, and no file can be called {text!r:.80}")
    return Path(text)


def spec_name(spec: object) -> None:
    """Raises `TypeError` for a SPEC that is neither text nor a path of text."""
    what = "a path, `path:variant` or the name of a network that ships with archdsl"
    instance_of("the SPEC", spec, (str, os.PathLike), what)
    instance_of("the SPEC", os.fspath(spec), str, what)  # type: ignore[call-overload]


def named(argument: str, given: object, code: str, of: str) -> None:
    """Raises `SpecError` where an argument is no mapping whose keys are names."""
    if not isinstance(given, Mapping):
        raise _refusal(code, f"`{argument}` maps names to {of}, found {an_object(given)}")
    for key in given:
        if not isinstance(key, str):
            raise _refusal(code, f"`{argument}` maps names to {of}, found {key!r:.80} for a name")


def choices(settings: object, inputs: object) -> None:
    """Raises `SpecError` for settings and shapes of inputs that no network could take."""
    named("settings", settings, "bad-setting", "values")
    named("inputs", inputs, "bad-setting", "shapes")
    assert isinstance(settings, Mapping)
    for name, value in settings.items():
        longest = _longest(value)
        if longest > MAX_LENGTH:
            message = f"the setting `{name}` has a list of {longest:,} items; a list has at most {MAX_LENGTH:,}"
            raise _refusal("bad-setting", message)
    assert isinstance(inputs, Mapping)
    for name, shape in inputs.items():
        if isinstance(shape, str):
            shown = f"the text {shape!r:.40}"
        elif isinstance(shape, (bytes, bytearray)) or not isinstance(shape, Sequence):
            shown = an_object(shape)
        elif len(shape) > MAX_RANK:
            shown = f"a shape of {len(shape):,} sizes"
        else:
            continue
        raise _refusal("bad-setting", f"input `{name}`: a shape is a list of its sizes, found {shown}")


def _longest(value: Any) -> int:
    """The number of items of the longest list in a setting."""
    if not isinstance(value, (list, tuple)):
        return 0
    return max(len(value), *map(_longest, value)) if 0 < len(value) <= MAX_LENGTH else len(value)


def _refusal(code: str, message: str) -> SpecError:
    return SpecError([Diagnostic(code, message)])
