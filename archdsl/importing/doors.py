"""Files of other tools, by their suffixes: each is read by its door, and what it has of weights goes along."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from archdsl.diagnostics import Diagnostic
from archdsl.errors import SpecError
from archdsl.importing import darknet, onnx, prototxt, pt2, ultralytics
from archdsl.importing.mining import has_names, mined
from archdsl.importing.program import NotImported, shown
from archdsl.importing.reading import ReadProgram, read_program
from archdsl.importing.spec import Imported, spec_of_read
from archdsl.importing.unusable import Unusable
from archdsl.importing.weights import RawTensor


@dataclass(frozen=True)
class FromFile:
    """A spec from a file, and the weights of the file under the names that they have in the spec."""

    imported: Imported
    weights: Mapping[str, RawTensor] = field(default_factory=dict)


def read_file(source: str, name: str | None = None) -> FromFile:
    """The spec of a file. Raises `SpecError` where it cannot be read or said, `ImportError` without a library."""
    path = Path(source)
    try:
        return DOORS[path.suffix.lower()](path, name or path.stem)
    except OSError as error:
        message = f"cannot read `{source}`: {(error.strerror or str(error)).lower()}"
        raise SpecError([Diagnostic("unreadable-file", message, place=source)]) from None
    except UnicodeDecodeError:
        raise SpecError([Diagnostic("unreadable-file", f"`{source}` is no text in UTF-8", place=source)]) from None
    except Unusable as error:
        raise SpecError([Diagnostic("unreadable-file", str(error), place=source)]) from None
    except NotImported as error:
        raise SpecError(Diagnostic("not-imported", shown(one), place=source) for one in error.missing) from None


def _pt2(path: Path, name: str) -> FromFile:
    return _graph(read_program(pt2.read(path, name)), pt2.weights(path))


def _onnx(path: Path, name: str) -> FromFile:
    return _graph(read_program(onnx.read(path, name)), onnx.weights(path))


def _graph(reading: ReadProgram, weights: Mapping[str, RawTensor]) -> FromFile:
    """A graph, in which modules are found where it names none."""
    if has_names(reading):
        return FromFile(spec_of_read(reading), weights)
    found, old = mined(reading)
    renamed = {new: weights[name] for new, name in old.items() if name in weights}
    return FromFile(spec_of_read(found), renamed)


def _prototxt(path: Path, name: str) -> FromFile:
    return FromFile(spec_of_read(prototxt.read(path, name)))


def _darknet(path: Path, name: str) -> FromFile:
    found, _ = mined(darknet.read(path, name))
    return FromFile(spec_of_read(found))


def _ultralytics(path: Path, name: str) -> FromFile:
    return FromFile(ultralytics.read(path, name))


DOORS: Final[Mapping[str, Callable[[Path, str], FromFile]]] = {
    ".pt2": _pt2,
    ".onnx": _onnx,
    ".prototxt": _prototxt,
    ".cfg": _darknet,
    ".yaml": _ultralytics,
    ".yml": _ultralytics,
}
