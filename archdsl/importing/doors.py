"""Files of other tools, by their suffixes: each is read by its door, and what it has of weights goes along."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from archdsl.diagnostics import Diagnostic
from archdsl.errors import SpecError
from archdsl.importing import darknet, onnx, prototxt, pt2, ultralytics
from archdsl.importing.mining import has_names, mined
from archdsl.importing.program import NotImported, shown
from archdsl.importing.reading import ReadProgram, read_program
from archdsl.importing.spec import MADE, Imported, refused, spec_of_read
from archdsl.importing.unusable import Unusable
from archdsl.importing.weights import RawTensor
from archdsl.ops.foreign import tensors_of

Shapes = Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class FromFile:
    """A spec from a file, and the weights of the file under the names that they have in the spec."""

    imported: Imported
    weights: Mapping[str, RawTensor] = field(default_factory=dict)


def read_file(source: str, name: str | None = None, shapes: Shapes | None = None) -> FromFile:
    """The spec of a file; `shapes` are those of its inputs, for files that do not say them. Raises `SpecError` where it
    cannot be read or said, `ImportError` without a library."""
    path = Path(source)
    try:
        return DOORS[path.suffix.lower()](path, name or path.stem, shapes or {})
    except OSError as error:
        message = f"cannot read `{source}`: {(error.strerror or str(error)).lower()}"
        raise SpecError([Diagnostic("unreadable-file", message, place=source)]) from None
    except UnicodeDecodeError:
        raise SpecError([Diagnostic("unreadable-file", f"`{source}` is no text in UTF-8", place=source)]) from None
    except Unusable as error:
        raise SpecError([Diagnostic("unreadable-file", str(error), place=source)]) from None
    except NotImported as error:
        raise SpecError(Diagnostic("not-imported", shown(one), place=source) for one in error.missing) from None
    except SpecError as error:
        if any(one.span is not None and one.span.source.name == MADE for one in error.diagnostics):
            raise refused(error, source) from None
        raise
    except DAMAGED as error:
        message = f"`{source}` is damaged, or has what its format does not allow ({type(error).__name__}: {error})"
        raise SpecError([Diagnostic("unreadable-file", " ".join(message.split())[:300], place=source)]) from None


# What a graph that contradicts itself leads to: a size that is none, a value of another type, a name that is nowhere.
DAMAGED: Final = (ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def _sized(shapes: Shapes, path: Path) -> None:
    """Refuse sizes for a file that has its own."""
    if shapes:
        raise Unusable(f"`{path}` says the sizes of its inputs itself; --input is for .prototxt, .cfg and .yaml")


def _pt2(path: Path, name: str, shapes: Shapes) -> FromFile:
    _sized(shapes, path)
    return _graph(read_program(pt2.read(path, name)), pt2.weights(path))


def _onnx(path: Path, name: str, shapes: Shapes) -> FromFile:
    _sized(shapes, path)
    return _graph(read_program(onnx.read(path, name)), onnx.weights(path))


def _graph(reading: ReadProgram, weights: Mapping[str, RawTensor]) -> FromFile:
    """A graph, in which modules are found where it names none. Raises `Unusable` for one with loose ends."""
    made = {one.name for one in reading.program.inputs} | {one.value.name for one in reading.placed}
    reads = [one for placed in reading.placed for one in tensors_of(placed.made)] + [
        one for output in reading.outputs for one in tensors_of(output)
    ]
    for one in reads:
        if one.name not in made and one.state is None and one.content is None:
            raise Unusable(f"nothing makes `{one.name}`, which is read")
    if has_names(reading):
        return FromFile(spec_of_read(reading), weights)
    found, old = mined(reading)
    renamed = {new: weights[name] for new, name in old.items() if name in weights}
    return FromFile(spec_of_read(found), renamed)


def _prototxt(path: Path, name: str, shapes: Shapes) -> FromFile:
    return FromFile(spec_of_read(prototxt.read(path, name, shapes)))


def _darknet(path: Path, name: str, shapes: Shapes) -> FromFile:
    found, _ = mined(darknet.read(path, name, shapes))
    return FromFile(spec_of_read(found))


def _ultralytics(path: Path, name: str, shapes: Shapes) -> FromFile:
    return FromFile(ultralytics.read(path, name, shapes))


DOORS: Final[Mapping[str, Callable[[Path, str, Shapes], FromFile]]] = {
    ".pt2": _pt2,
    ".onnx": _onnx,
    ".prototxt": _prototxt,
    ".cfg": _darknet,
    ".yaml": _ultralytics,
    ".yml": _ultralytics,
}
