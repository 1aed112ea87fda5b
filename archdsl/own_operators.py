"""A user's own operators: classes in a Python file that the user names. A spec can never make archdsl run code.

What can be seen in a class is checked when the file is loaded. What its methods raise or give while a spec is read is
told with the line of the file, as any other fault is.
"""

from __future__ import annotations

import functools
import importlib.util
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from archdsl.diagnostics import Diagnostic, did_you_mean
from archdsl.dims import Dim, Undecided
from archdsl.errors import SpecError
from archdsl.ops import OPERATORS, Example, Operator, ShapeError, Target, Weight
from archdsl.ops.kinds import ParamError
from archdsl.ops.sight import Slide
from archdsl.source import Source, Span

SAVES: Final = ("input", "other", "crosswise", "output", "mask", "index")
CHOICES: Final[Mapping[str, tuple[Any, ...]]] = {
    "gradient": ("new", "same", "part"),
    "autocast": ("lower", "float32", None),
    **{name: (True, False) for name, kind in inspect.get_annotations(Operator).items() if kind == "ClassVar[bool]"},
}
NAME: Final = re.compile(r"[a-z_][a-z0-9_]*")
MEANT: Final = (ShapeError, ParamError, Undecided, SpecError)  # what an operator may raise


def load_operators(path: str | os.PathLike[str]) -> None:
    """Run a Python file whose classes derive from `archdsl.ops.Operator`; specs can use them from then on.

    The file is imported under its name without `.py`, so that a `Target` may name what is in it. Loading it again does
    nothing. Raises `SpecError` where it cannot be imported, defines what exists already, or defines an operator that
    cannot work; nothing of it is known then.
    """
    file = Path(path).resolve()
    name = file.stem
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__file__", None) == str(file):
        return
    if loaded is not None or not name.isidentifier():
        raise _error(f"`{path}` cannot be imported as `{name}`: the name is taken or no identifier", path)
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None or not file.is_file():
        raise _error(f"`{path}` is no Python file", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    before = set(OPERATORS)
    try:
        spec.loader.exec_module(module)
        faults = [fault for operator in _defined(module) for fault in _faults(operator)]
    except (Exception, SystemExit) as error:  # whatever the user's file raises is told, not passed on
        _forget(name, before)
        raise SpecError([raised(f"`{path}` cannot be imported", error, file)]) from error
    if faults:
        _forget(name, before)
        raise SpecError(faults)
    for operator in _defined(module):
        _guard(operator, file)


def own_operators() -> list[type[Operator]]:
    """The operators that were loaded."""
    return [operator for operator in OPERATORS.values() if not operator.__module__.startswith("archdsl.")]


def _defined(module: ModuleType) -> list[type[Operator]]:
    """The operators, and what several of them have in common, that a module defines."""
    classes = [one for one in vars(module).values() if inspect.isclass(one) and one.__module__ == module.__name__]
    return [one for one in classes if issubclass(one, Operator)]


def _forget(name: str, before: set[str]) -> None:
    """Undo what loading a file has done."""
    sys.modules.pop(name, None)
    for added in set(OPERATORS) - before:
        del OPERATORS[added]


# --- what can be seen in a class


def _faults(operator: type[Operator]) -> Iterator[Diagnostic]:
    """What is wrong with what a class says of itself."""
    if OPERATORS.get(vars(operator).get("name", "")) is not operator and not _is_remade(operator):
        if not operator.__subclasses__():  # else it is what several have in common
            help = f'write `class {operator.__name__}(Operator, group = "…")`'
            yield at(operator, None, f"the operator `{operator.__name__}` has no group", help)
        return
    name = operator.name
    if "__dataclass_fields__" not in vars(operator):
        help = "write `@dataclass(frozen=True)` above the class"
        yield at(operator, None, f"the operator `{name}` is no dataclass", help)
        return
    if not operator.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        yield at(operator, None, f"`{name}` can be changed after it was checked", "write `@dataclass(frozen=True)`")
    groups = {one.group for one in OPERATORS.values() if one.__module__.startswith("archdsl.")}
    if operator.group not in groups:
        help = did_you_mean(str(operator.group), groups) or f"it is one of {', '.join(sorted(groups))}"
        yield at(operator, None, f"`{name}` has the unknown group `{operator.group}`", help)
    for field in operator.__dataclass_fields__.values():  # type: ignore[attr-defined]
        if "kind" not in field.metadata and "ClassVar" not in str(field.type):
            help = f'write `{field.name}: … = param(Integer(1), "what it is")`'
            yield at(operator, field.name, f"`{field.name}` of `{name}` is no parameter", help)
    if not isinstance(name, str) or NAME.fullmatch(name) is None:
        yield at(operator, "name", f"the operator `{operator.__name__}` is called {name!r}, which no spec can write")
        return
    yield from _defaults(operator)
    yield from _examples(operator)
    yield from _words(operator)
    for method in GIVES:
        if not callable(getattr(operator, method)):
            yield at(operator, method, f"`{method}` of `{name}` is a method")
    inferred = any(getattr(operator, one) is not getattr(Operator, one) for one in ("infer", "infer_all"))
    for needed, there in (("infer", inferred), ("target", operator.target is not Operator.target)):
        if not there:
            help = f"define `{needed}(self, *inputs)`, which gives a {'shape' if needed == 'infer' else 'Target'}"
            yield at(operator, None, f"the operator `{name}` has no `{needed}`", help)


def _defaults(operator: type[Operator]) -> Iterator[Diagnostic]:
    """Parameters whose kind is none, and defaults that their kinds do not take."""
    for field in operator.__dataclass_fields__.values():  # type: ignore[attr-defined]
        if "kind" not in field.metadata:
            continue
        kind, default = field.metadata["kind"], field.default
        if inspect.isclass(kind) or not hasattr(kind, "parse"):
            help = 'kinds are in `archdsl.ops.kinds`: `param(Integer(1), "what it is")`'
            yield at(operator, field.name, f"the kind of `{field.name}` of `{operator.name}` is none", help)
        elif default is not MISSING and default is not None:
            try:
                kind.parse(default)
            except ParamError as error:
                message = f"the default of `{field.name}` of `{operator.name}` {error.reason}"
                yield at(operator, field.name, message)


def _examples(operator: type[Operator]) -> Iterator[Diagnostic]:
    """Examples that are none, or none of this operator."""
    help = f'write `examples = (Example("{operator.name}", ((2, 8, 4, 4),), (2, 8, 4, 4)),)`'
    examples = operator.examples
    if isinstance(examples, Example) or not isinstance(examples, (tuple, list)):
        yield at(operator, "examples", f"`examples` of `{operator.name}` is a tuple of examples", help)
        return
    for example in examples:
        if not (isinstance(example, Example) and isinstance(example.step, str) and _is_shapes(example.inputs)):
            what = "is a step, the shapes of its inputs, and that of its output"
            yield at(operator, "examples", f"an example of `{operator.name}` {what}", help)
        elif not (_is_shape(example.output) or _is_shapes(example.output)):
            yield at(operator, "examples", f"the output of an example of `{operator.name}` is no shape", help)
        elif example.step.partition("(")[0].strip() != operator.name:
            message = f"the example `{example.step}` of `{operator.name}` is of another operator"
            yield at(operator, "examples", message, help)


def _is_remade(operator: type[Operator]) -> bool:
    """Whether a class is one that is registered, made anew by `dataclass(slots=True)`."""
    registered = OPERATORS.get(vars(operator).get("name", ""))
    return registered is not None and registered.__qualname__ == operator.__qualname__


def _words(operator: type[Operator]) -> Iterator[Diagnostic]:
    """Attributes that nothing reads, and words that say nothing."""
    known = {attribute for attribute in dir(Operator) if not attribute.startswith("_")}
    fields = operator.__dataclass_fields__  # type: ignore[attr-defined]
    for attribute in vars(operator):
        likely = did_you_mean(attribute, known) if not attribute.startswith("_") else None
        if attribute not in known and attribute not in fields and likely is not None:
            yield at(operator, attribute, f"an operator has no `{attribute}`", likely)
    saves = operator.saves
    if not isinstance(saves, tuple):
        yield at(
            operator, "saves", f"`saves` of `{operator.name}` is a tuple of words", f"write `saves = ({saves!r},)`"
        )
        return
    for word in saves:
        if word not in SAVES:
            help = did_you_mean(str(word), SAVES) or f"they are {', '.join(SAVES)}"
            yield at(operator, "saves", f"`saves` of `{operator.name}` has the unknown word `{word}`", help)
    for attribute, choices in CHOICES.items():
        found = getattr(operator, attribute)
        if not any(found is choice or (found == choice and isinstance(choice, str)) for choice in choices):
            help = f"it is one of {', '.join(map(str, choices))}"
            yield at(operator, attribute, f"`{attribute}` of `{operator.name}` cannot be `{found}`", help)


# --- what is seen when it is used


def _is_shape(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(size, Dim) or type(size) is int for size in value)


def _is_shapes(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and all(map(_is_shape, value))


def _is_weights(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and all(
        isinstance(one, Weight) and isinstance(one.name, str) and _is_shape(one.shape) and _is_positive(one.shape)
        for one in value
    )


def _is_positive(shape: Iterable[Any]) -> bool:
    return all(isinstance(size, Dim) or size > 0 for size in shape)


def _is_sight(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(one is None or isinstance(one, Slide) for one in value)
    return value is None or value == "in order"


def _is_amount(value: Any) -> bool:
    return isinstance(value, Dim) or (type(value) is int and value >= 0)


# What an operator's methods give: a test of it, and what it is called.
GIVES: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "infer": (_is_shape, "a shape, a tuple of sizes"),
    "infer_all": (_is_shapes, "shapes, each a tuple of sizes"),
    "weights": (_is_weights, "weights, each with its name and shape"),
    "target": (lambda value: isinstance(value, Target), "a Target"),
    **dict.fromkeys(
        ("macs", "backward_macs", "operations", "also_saves", "saves_float32", "scratch", "scratch_backward"),
        (_is_amount, "a whole number from 0"),
    ),
    "sees": (_is_sight, "what it sees along each dimension"),
    **dict.fromkeys(("aliases", "layout"), (lambda value: True, "")),
}


def _guard(operator: type[Operator], file: Path) -> None:
    """Let the methods that a class defines tell what is wrong with them."""
    for name in (*GIVES, "__post_init__"):
        if name in vars(operator):
            setattr(operator, name, _guarded(operator, name, vars(operator)[name], file))


def _guarded(operator: type[Operator], name: str, method: Callable[..., Any], file: Path) -> Callable[..., Any]:
    fits, what = GIVES.get(name, (lambda value: True, ""))

    @functools.wraps(method)
    def call(*arguments: Any, **named: Any) -> Any:
        try:
            value = method(*arguments, **named)
        except MEANT:
            raise
        except (Exception, SystemExit) as error:  # whatever the user's code raises is told, not passed on
            raise SpecError([raised(f"`{name}` of `{operator.__name__}` fails", error, file)]) from error
        if not fits(value):
            message = f"`{name}` of `{operator.__name__}` gives {str(value)[:80]}, not {what}"
            raise SpecError([at(operator, name, message)])
        return value

    return call


# --- places in the user's file


def at(operator: type[Operator], attribute: str | None, message: str, help: str | None = None) -> Diagnostic:
    """A fault at a class in its file, or at the line where it defines an attribute."""
    source = _source(Path(getattr(sys.modules.get(operator.__module__), "__file__", None) or inspect.getfile(operator)))
    return _diagnostic(message, source, _line(operator, attribute), help)


def raised(what: str, error: BaseException, file: Path) -> Diagnostic:
    """What the user's code has raised, where it stands in the file."""
    lines, step = [], error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == str(file):
            lines.append(step.tb_lineno)
        step = step.tb_next
    line = error.lineno if isinstance(error, SyntaxError) and error.filename == str(file) else lines[-1] if lines else 1
    return _diagnostic(f"{what}: {type(error).__name__}: {error}", _source(file), line)


def _diagnostic(message: str, source: Source, line: int | None, help: str | None = None) -> Diagnostic:
    if line is None or not 1 <= line <= len(source.line_starts):
        return Diagnostic("bad-operators", message, place=source.name, help=help)
    start, end = source.bounds(line)
    indent = len(source.line(line)) - len(source.line(line).lstrip())
    return Diagnostic("bad-operators", message, Span(source, start + indent, end), help=help)


def _line(operator: type[Operator], attribute: str | None) -> int | None:
    try:
        lines, first = inspect.getsourcelines(operator)
    except (OSError, TypeError):
        return None
    for i, line in enumerate(lines):
        words = line.replace(":", " ").replace("=", " ").replace("(", " ").split()
        if words[:1] == ["class"] and attribute is None:
            return first + i
        if attribute is not None and attribute in (words[:1] if words[:1] != ["def"] else words[1:2]):
            return first + i
    return first


def _source(file: Path) -> Source:
    try:
        return Source(str(file), file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return Source(str(file), "")


def _error(message: str, path: str | os.PathLike[str]) -> SpecError:
    return SpecError([Diagnostic("bad-operators", message, place=os.fspath(path))])
