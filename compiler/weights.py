"""Weights from files: read without running anything, and matched to a network by name and shape."""

from __future__ import annotations

import fnmatch
import os
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import IO, Any, Final

import torch
from safetensors.torch import load_file
from torch import nn

from archdsl.diagnostics import Diagnostic
from archdsl.errors import SpecError
from archdsl.graph import Graph, header
from archdsl.library_names import LibraryNames, libraries, library_names
from archdsl.read import open_regular
from compiler.export.hub import WEIGHTS
from compiler.fx.compile import carry_over, compile_graph
from compiler.lowering import assemble
from compiler.program import Assembly
from compiler.renaming import renamed

NESTED: Final = ("state_dict", "model_state_dict", "model", "net", "ema")  # where checkpoints keep the weights
NO_WEIGHTS: Final = {".onnx": "a network for ONNX", ".pt2": "a program of torch.export"}
WRAPPED: Final = ("module.", "_orig_mod.", "model.")  # what wrappers put before every name
COUNTER: Final = "num_batches_tracked"  # that old checkpoints of batch norm have not, and nothing needs
MOST: Final = 12  # names in a list of an error
COMPARED: Final = 2000  # names of a file that are compared with one that is missing


@dataclass(frozen=True, slots=True)
class Loaded:
    """How one tensor of a network got its values: from which name in the file, or why not."""

    name: str
    shape: tuple[int, ...]
    source: str | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Matching:
    """What of a file's names is meant otherwise.

    `rename` gives the network's names for those of the file, or for patterns with `*`, or is the library whose names
    the file has. Tensors of the network that
    a pattern of `fresh` fits stay as they were drawn; those of the file that one of `drop` fits are left out.
    """

    rename: Mapping[str, str] | str = field(default_factory=dict)
    fresh: Sequence[str] = ()
    drop: Sequence[str] = ()


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a .safetensors file, of one that `torch.save` wrote, or of a folder for a hub, by name; nothing in
    it is run.

    Raises `SpecError` for anything else.
    """
    path = path / WEIGHTS if path.is_dir() else path
    if path.suffix.lower() in NO_WEIGHTS:
        message = f"`{path}` is {NO_WEIGHTS[path.suffix.lower()]}, from which no weights are read"
        raise _error(
            "unreadable-weights", message, "save them as .safetensors: `archdsl compile SPEC -o net.safetensors`"
        )
    try:
        with open_regular(path) as file:
            if path.suffix.lower() == ".safetensors":
                return load_file(path)
            _refuse_compressed(file, path)
            found = torch.load(file, map_location="cpu", weights_only=True)
    except SpecError:
        raise
    except OSError as error:
        reason = (error.strerror or "no such file or directory").lower()
        raise _error("unreadable-weights", f"cannot read `{path}`: {reason}") from None
    except Exception as error:  # whatever a damaged or hostile file makes of torch's reader
        if type(error).__name__ == "UnpicklingError":
            message = f"`{path}` holds more than tensors and plain data; it was not loaded, since that can run any code"
            raise _error("unreadable-weights", message, "save the `state_dict()` alone, best as .safetensors") from None
        reason = " ".join(str(error).split())[:120]
        raise _error("unreadable-weights", f"`{path}` is no file of weights, or a damaged one: {reason}") from None
    for _ in NESTED:  # one in the other
        found = next(
            (found[key] for key in NESTED if isinstance(found, dict) and isinstance(found.get(key), dict)), found
        )
    if not isinstance(found, dict) or not found or not all(isinstance(t, torch.Tensor) for t in found.values()):
        raise _error("unreadable-weights", f"`{path}` holds no tensors by name", "save the `state_dict()` alone")
    return {str(name): tensor for name, tensor in found.items()}


def _refuse_compressed(file: IO[bytes], path: Path) -> None:
    """Raise `SpecError` for an archive that unpacks to more than it is: torch compresses nothing, and would read all of
    it into memory."""
    with suppress(zipfile.BadZipFile), zipfile.ZipFile(file) as archive:
        unpacked = sum(record.file_size for record in archive.infolist())
        if unpacked > file.seek(0, os.SEEK_END):
            message = f"`{path}` unpacks to {unpacked:,} bytes, more than it is: torch compresses no weights"
            raise _error("unreadable-weights", message, "save the `state_dict()` with `torch.save`, as it is")
    file.seek(0)


def load_weights(model: nn.Module, graph: Graph, given: Mapping[str, torch.Tensor], matching: Matching) -> list[Loaded]:
    """Copy tensors into a network that was compiled from a graph, and say what came from where.

    The file need not have those of heads that exist in training only. Names that every tensor of the file has in front
    (`module.`) are understood. Nothing is changed where anything is wrong: raises
    `SpecError` with all that is missing, left over or of another shape.

    A network that was rewritten takes its own weights, and those of the network before, which are changed as the
    rewrites say.
    """
    rewriting = header(graph)["rewriting"]
    if rewriting is not None:
        with suppress(SpecError):
            return _load(model, graph, given, matching)
        before = compile_graph(rewriting.before)
        found = _load(before, rewriting.before, given, matching)
        carry_over(model, before, rewriting)
        return found
    return _load(model, graph, given, matching)


def _load(model: nn.Module, graph: Graph, given: Mapping[str, torch.Tensor], matching: Matching) -> list[Loaded]:
    wanted = model.state_dict(keep_vars=True)
    _fitting(matching.fresh, wanted, "the network")
    _fitting(matching.drop, given, "the file")
    names = _names(matching.rename, graph)
    sources = _named(given, wanted, names, matching.drop)
    fresh = {name for name in wanted if _fits(name, matching.fresh)}
    optional = _of_training(assemble(graph))
    held = {id(wanted[name]) for name in sources if name in wanted}
    missing = [
        name
        for name in wanted
        if name not in sources
        and name not in fresh
        and not _may_lack(name, optional, id(wanted[name]) in held)
        and not _fits(name, names.absent)
    ]
    extra = [old for new, old in sources.items() if new not in wanted]
    shared = [name for name in sources if name in wanted and name not in fresh]
    given = _reshaped(given, wanted, {name: sources[name] for name in shared if _fits(name, names.reshaped)})
    other = [name for name in shared if given[sources[name]].shape != wanted[name].shape]
    unlike = [name for name in shared if not _can_hold(wanted[name], given[sources[name]])]
    known = "" if matching.rename or not missing else _library(graph, given, missing)
    _refuse(missing, extra, other, unlike, wanted, given, sources, known)
    with torch.no_grad():
        for name in shared:
            wanted[name].copy_(given[sources[name]])
    return [
        Loaded(name, tuple(tensor.shape), sources.get(name) if name in shared else None, _note(name, shared, fresh))
        for name, tensor in wanted.items()
    ]


def _note(name: str, shared: Collection[str], fresh: Collection[str]) -> str:
    return "" if name in shared else "as drawn" if name in fresh else "not in the file"


def _can_hold(wanted: torch.Tensor, given: torch.Tensor) -> bool:
    """Whether a tensor is numbers of the kind that another holds, perhaps of another precision."""
    plain = given.layout == torch.strided and not given.is_quantized and given.is_meta == wanted.is_meta
    kinds = [
        (tensor.is_floating_point(), tensor.is_complex(), tensor.dtype == torch.bool) for tensor in (wanted, given)
    ]
    return plain and kinds[0] == kinds[1]


def _may_lack(name: str, optional: Collection[str], held: bool) -> bool:
    """Whether a tensor need not be in the file: of a head that only trains, a counter, or one that is there under
    another name."""
    return name in optional or name.endswith(COUNTER) or held


def _names(rename: Mapping[str, str] | str, graph: Graph) -> LibraryNames:
    """How names of the file become those of the network. Raises `SpecError` for a library that is not known."""
    if not isinstance(rename, str):
        return LibraryNames((rename,))
    if rename not in libraries():
        raise _error("bad-rename", f"no names of a library `{rename}` are known", f"there is {', '.join(libraries())}")
    return library_names(rename, header(graph)["variant"]) or LibraryNames(())


def _library(graph: Graph, given: Mapping[str, Any], missing: Sequence[str]) -> str:
    """The library in whose names the file has all that is missing, if there is one."""
    for library in libraries():
        names = library_names(library, header(graph)["variant"])
        if names is not None:
            found = {renamed(name, names.steps) for name in given}
            if all(name in found or _fits(name, names.absent) for name in missing):
                return library
    return ""


def _reshaped(
    given: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor], sources: Mapping[str, str]
) -> Mapping[str, torch.Tensor]:
    """What is given, with these in the shape that is wanted where they have as many numbers."""
    return {
        **given,
        **{
            old: given[old].reshape(wanted[name].shape)
            for name, old in sources.items()
            if given[old].numel() == wanted[name].numel() and given[old].layout == torch.strided
        },
    }


def _named(
    given: Mapping[str, Any], wanted: Collection[str], names: LibraryNames, drop: Sequence[str]
) -> dict[str, str]:
    """The file's name for each name in the network. Raises `SpecError` where two get the same."""
    front = next((front for front in WRAPPED if all(name.startswith(front) for name in given)), "")
    if front and any(name.startswith(front) for name in wanted):
        front = ""
    found: dict[str, str] = {}
    for old in given:
        if _fits(old, drop):
            continue
        new = renamed(old.removeprefix(front), names.steps)
        if new in found:
            raise _error("bad-rename", f"`{found[new]}` and `{old}` would both be `{new}`")
        found[new] = old
    return found


def _fitting(patterns: Iterable[str], names: Collection[str], of: str) -> None:
    """Raise `SpecError` for a pattern that fits nothing, which is misspelt."""
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(name, pattern) for name in names):
            close = get_close_matches(pattern, names, 1, 0.3)
            help = f"there is `{close[0]}`" if close else None
            raise _error("other-weights", f"`{pattern}` fits no tensor of {of}", help)


def _fits(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _refuse(
    missing: Sequence[str],
    extra: Sequence[str],
    other: Sequence[str],
    unlike: Sequence[str],
    wanted: Mapping[str, torch.Tensor],
    given: Mapping[str, torch.Tensor],
    sources: Mapping[str, str],
    library: str,
) -> None:
    """Raise `SpecError` where anything does not match, with all of it. `library` is one whose names the file has."""
    wrong, helps = [], []
    if missing:
        wrong.append(f"missing {_counted(missing)}")
        helps += [f"the names are those of {library}: --rename {library}"] if library else _alike(missing, extra)
    if extra:
        wrong.append(f"left over {_counted(extra)}")
    if other:
        wrong.append(f"of another shape {_counted(other)}")
        helps += _some([f"`{n}` is {list(wanted[n].shape)}, found {list(given[sources[n]].shape)}" for n in other])
        helps.append(f'a classifier of another size stays as it is drawn with --fresh "{_around(other[0])}"')
    if unlike:
        wrong.append(f"of another kind {_counted(unlike)}")
        helps += _some([f"`{n}` holds {_kind(wanted[n])}, found {_kind(given[sources[n]])}" for n in unlike])
    if wrong:
        raise _error(
            "other-weights", f"the weights do not fit the network: {'; '.join(wrong)}", "; ".join(helps) or None
        )


def _kind(tensor: torch.Tensor) -> str:
    """The type of a tensor's numbers, and how they lie where that is uncommon: `float32`, `sparse float32`."""
    dtype = str(tensor.dtype).removeprefix("torch.")
    return f"no values ({dtype})" if tensor.is_meta else dtype if tensor.layout == torch.strided else f"sparse {dtype}"


def _around(name: str) -> str:
    """A pattern for all tensors of a layer."""
    return f"{name.rpartition('.')[0]}.*" if "." in name else name


def _counted(names: Sequence[str]) -> str:
    return f"{len(names)} tensor{'s' * (len(names) > 1)}: {', '.join(_some([f'`{name}`' for name in names]))}"


def _some(texts: Sequence[str]) -> list[str]:
    return [*texts[:MOST], *([f"… and {len(texts) - MOST} more"] if len(texts) > MOST else [])]


def _alike(missing: Sequence[str], extra: Sequence[str]) -> list[str]:
    """Names in the file that may be meant."""

    def pairs() -> Iterator[str]:
        for name in missing[:MOST]:
            for close in get_close_matches(name, extra[:COMPARED], 1, 0.7):
                yield f"`{close}` may be `{name}`"

    found = list(pairs())
    return [*_some(found), "--rename says which is which"] if found else []


def _error(code: str, message: str, help: str | None = None) -> SpecError:
    return SpecError([Diagnostic(code, message, place="the weights", help=help)])


def _of_training(assembly: Assembly) -> frozenset[str]:
    """The names of what exists in training only."""
    lasting = {holder.path for holder in assembly.inference.holders}
    return frozenset(
        held.path for holder in assembly.training.holders if holder.path not in lasting for held in holder.held
    )
