"""Specs inside other files: what an exported network carries with it, and is read back from.

A document of JSON says the texts of the spec and of all it imports, which network of it is meant, and what was chosen
for it. It stands in the metadata of a .safetensors or .onnx file, in a record of a .pt2 archive, or in a folder's
`config.json`. It alone is read, of a bounded size; nothing else of the file is looked at, and nothing of it is run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from types import MappingProxyType
from typing import IO, Any, Final, get_args

from archdsl.diagnostics import Diagnostic
from archdsl.errors import SpecError
from archdsl.graph import Graph, content_hash, header, layer
from archdsl.limits import limits
from archdsl.phases import Phase
from archdsl.read import open_regular
from archdsl.source import Source
from archdsl.static import static_text
from archdsl.syntax import forms

KEY: Final = "archdsl"  # under which a file's metadata has the document
RECORD: Final = "archdsl.json"  # in an archive
CONFIG: Final = "config.json"  # of a folder for a model hub
VERSION: Final = 1
HEADER: Final = 100_000_000  # bytes; what the safetensors library reads at most
FIELDS: Final = 100_000  # of a message of an ONNX file, which has a few; a network is one of them
NAMES: Final = MappingProxyType({"text": "spec.arch", "yaml": "spec.yaml"})  # of a spec without a file name


@dataclass(frozen=True, slots=True)
class Embedded:
    """A spec that a file carries: the texts of its files by name, the first of them the spec itself.

    `settings` are texts of static values; a size of an input that is None is as the spec says.
    """

    files: Mapping[str, str]
    network: str  # or the variant
    settings: Mapping[str, str]
    inputs: Mapping[str, list[int | None]]
    hash: str  # of the architecture, as reports print it
    rewrites: tuple[str, ...] = ()  # by which it came from what the spec says
    phase: str = "inference"  # for which they are


def document(graph: Graph) -> dict[str, Any]:
    """What an exported network says of its spec, as plain data for JSON."""
    head, rewriting = header(graph), header(graph)["rewriting"]
    files = _texts(head["written"].sources)
    inputs = {name: [size if isinstance(size, int) else None for size in layer(graph, name)["outputs"][0]]
              for name in head["inputs"]}  # fmt: skip
    return {
        "archdsl": VERSION,
        "files": files,
        "network": head["variant"] or head["network"],
        "settings": {name: static_text(value) for name, value in head["settings"].items() if value is not None},
        "inputs": inputs,
        "hash": content_hash(graph),
        **({} if rewriting is None else {"rewrites": list(rewriting.names), "phase": rewriting.phase}),
    }


def _texts(sources: tuple[Source, ...]) -> dict[str, str]:
    """The texts by names that say nothing of where the files lie on this machine."""
    main, *imported = sources
    folder = os.path.dirname(main.name)
    named = forms.form_of_path(main.name) is not None
    texts = {PurePath(main.name).name if named else NAMES[forms.form_of(main)]: main.text}
    return texts | {
        PurePath(os.path.relpath(source.name, folder or ".")).as_posix(): source.text for source in imported
    }


def carries_spec(path: str) -> bool:
    """Whether a path is of a kind that can carry a spec: by its suffix, or as a folder with a configuration."""
    return PurePath(path).suffix.lower() in READERS or os.path.isfile(os.path.join(path, CONFIG))


def embedded(path: str) -> Embedded:
    """The spec that a file or folder carries. Raises `SpecError` where it has none, or cannot be read."""
    try:
        if os.path.isdir(path):
            with open_regular(os.path.join(path, CONFIG)) as file:
                found: Any = _object(file.read(limits().bytes * 4)).get(KEY)
        else:
            with open_regular(path) as file:
                found = READERS[PurePath(path).suffix.lower()](file)
        if isinstance(found, (str, bytes)):
            found = _object(found)
        json.dumps(found, ensure_ascii=False).encode()  # halves of characters, which JSON can say, are no text
    except OSError as error:
        raise _error(
            "unreadable-file", f"cannot read `{path}`: {(error.strerror or str(error)).lower()}", path
        ) from None
    except (ValueError, RecursionError, EOFError, NotImplementedError, RuntimeError):
        suffix = PurePath(path).suffix or "JSON"
        raise _error("unreadable-file", f"`{path}` is no {suffix} file, or a damaged one", path) from None
    if found is None:
        help = "`archdsl compile SPEC -o FILE` writes files that carry their spec"
        raise _error("no-spec-inside", f"`{path}` carries no spec", path, help)
    return _checked(found, path)


def _checked(found: Any, path: str) -> Embedded:
    """The document, if it has the form that `document` gives it."""
    texts = [*_items(found, "files", str), *_items(found, "settings", str)]
    wanted = {"network": str, "hash": str, "files": dict, "settings": dict, "inputs": dict}
    right = isinstance(found, dict) and all(isinstance(found.get(name), kind) for name, kind in wanted.items())
    sizes = [size for shape in _items(found, "inputs", list) for size in shape or [""]]
    rewrites, phase = (found.get("rewrites", []), found.get("phase", "inference")) if right else ([], "")
    known = isinstance(rewrites, list) and all(isinstance(name, str) for name in rewrites) and phase in get_args(Phase)
    if (
        not right
        or found.get("archdsl") != VERSION
        or None in texts
        or not found["files"]
        or not known
        or not all(map(_is_size, sizes))
    ):
        message = f"the spec that `{path}` carries is of another version of archdsl, or damaged"
        raise _error("unreadable-file", message, path)
    if sum(len(text) for text in found["files"].values()) > limits().bytes:
        message = f"the spec that `{path}` carries is larger than {limits().bytes:,} bytes, the limit"
        raise _error("file-too-large", message, path, "--max-bytes sets another limit")
    chosen = (found["files"], found["network"], found["settings"], found["inputs"], found["hash"])
    return Embedded(*chosen, tuple(rewrites), phase)


def _items(found: Any, key: str, kind: type) -> list[Any]:
    """The values of an object in the document; None for each that is of another kind."""
    value = found.get(key) if isinstance(found, dict) else None
    return [item if isinstance(item, kind) else None for item in value.values()] if isinstance(value, dict) else []


def _is_size(size: Any) -> bool:
    return size is None or (type(size) is int and size > 0)


def _error(code: str, message: str, place: str, help: str | None = None) -> SpecError:
    return SpecError([Diagnostic(code, message, place=place, help=help)])


def _object(text: str | bytes) -> dict[str, Any]:
    """An object of JSON. Raises `ValueError` for anything else."""
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("no object")
    return found


# --- kinds of files


def _safetensors(file: IO[bytes]) -> Any:
    """The metadata stand in the header: its length in 8 bytes, then an object of JSON."""
    length = int.from_bytes(file.read(8), "little")
    if length > HEADER:
        raise ValueError("the header is too large")
    read = file.read(length)
    metadata = _object(read).get("__metadata__", {})
    if len(read) < length or not isinstance(metadata, dict):
        raise ValueError("the header is cut off, or holds something else")
    return metadata.get(KEY)


def _pt2(file: IO[bytes]) -> Any:
    """A record that `torch.export.save` puts into its archive."""
    import zipfile  # most specs stand in no archive

    try:
        with zipfile.ZipFile(file) as archive:
            for name in archive.namelist():
                if name.endswith(f"/{RECORD}"):
                    with archive.open(name) as record:
                        return record.read(limits().bytes * 4)
    except zipfile.BadZipFile as error:
        raise ValueError("no archive") from error
    return None


def _onnx(file: IO[bytes]) -> Any:
    """Of a ModelProto its `metadata_props`, field 14: messages of a key, field 1, and a value, field 2."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    for number, start, end in _fields(file, size):
        if number == 14:
            parts = {}
            file.seek(start)
            for part, first, last in _fields(file, end):
                file.seek(first)
                parts[part] = file.read(min(last - first, limits().bytes * 4))
                file.seek(last)
            if parts.get(1) == KEY.encode():
                return parts.get(2)
        file.seek(end)
    return None


def _fields(file: IO[bytes], end: int) -> Iterator[tuple[int, int, int]]:
    """The fields of a message of Protocol Buffers that are counted in bytes: number, start and end.

    Raises `ValueError` where the bytes are none.
    """
    for _ in range(FIELDS):
        if file.tell() >= end:
            return
        tag = _varint(file)
        number, kind = tag >> 3, tag & 7
        if not number:
            raise ValueError("no field")
        if kind == 0:
            _varint(file)
        elif kind in (1, 5):
            file.seek(8 if kind == 1 else 4, os.SEEK_CUR)
        elif kind == 2:
            length = _varint(file)
            start = file.tell()
            if start + length > end:
                raise ValueError("a field is longer than its message")
            yield number, start, start + length
            file.seek(start + length)
        else:
            raise ValueError("no kind of field")
    raise ValueError("too many fields")


def _varint(file: IO[bytes]) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            raise ValueError("the file ends early")
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise ValueError("no number")


READERS: Final[Mapping[str, Callable[[IO[bytes]], Any]]] = MappingProxyType(
    {".safetensors": _safetensors, ".pt2": _pt2, ".onnx": _onnx}
)
