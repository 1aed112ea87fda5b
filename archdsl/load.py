"""The stages in order: read, parse, resolve imports, elaborate. The one place that knows them all."""

from __future__ import annotations

import contextlib
import gc
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from archdsl.diagnostics import Diagnostic, Label, SpecError, did_you_mean
from archdsl.elaborate import Choices, Definitions, elaborate
from archdsl.graph import Graph
from archdsl.read import decode, read, read_stdin
from archdsl.resolve import resolve
from archdsl.source import Source
from archdsl.syntax import text, tree

SPECS: Final = Path(__file__).resolve().parent.parent / "specs"
SUFFIX: Final = ".arch"
MAX_IMPORTS: Final = 64
RECURSION_LIMIT: Final = 10_000  # blocks and brackets are bounded to 64 levels each; both together need more frames


@dataclass(frozen=True, slots=True)
class Program:
    """A file with all it imports, ready to be elaborated."""

    spec: tree.Spec
    definitions: Definitions

    @property
    def names(self) -> list[str]:
        """What can be addressed in it: variants, then networks."""
        return [v.name.id for v in self.spec.variants] + [n.name.id for n in self.spec.networks]

    def find(self, name: str | None) -> tuple[tree.Network, tree.Variant | None]:
        """A variant or network by name; without a name, the only network (or variant)."""
        networks = {n.name.id: n for n in self.spec.networks}
        variants = {v.name.id: v for v in self.spec.variants}
        if name is None:
            if len(networks) == 1:
                return next(iter(networks.values())), None
            raise _usage(
                f"`{self.spec.source.name}` holds several networks",
                f"say which: {', '.join(f'`{self.spec.source.name}:{n}`' for n in self.names[:6])}",
                self.spec.source.name,
            )
        if name in variants:
            return networks[variants[name].call.callee.id], variants[name]
        if name in networks:
            return networks[name], None
        help = did_you_mean(name, self.names) or f"it holds {', '.join(self.names[:12])}"
        raise _usage(f"`{self.spec.source.name}` has no variant or network `{name}`", help, self.spec.source.name)


def load_graph(
    spec: str | os.PathLike[str],
    settings: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Sequence[int]] | None = None,
    **limits: int,
) -> Graph:
    """The elaborated graph of a SPEC. Raises `SpecError`."""
    with _one_job():
        program, name = open_spec(spec)
        network, variant = program.find(name)
        return elaborate(network, program.definitions, variant, Choices(settings or {}, inputs or {}, **limits))


def check(spec: str | os.PathLike[str], **limits: int) -> list[Graph]:
    """The graphs of everything in a file (or of the variant that is named). Raises `SpecError` with all faults."""
    with _one_job():
        program, name = open_spec(spec)
        if name is not None:
            wanted = [program.find(name)]
        else:
            wanted = [(n, None) for n in program.spec.networks if all(p.shape or p.default for p in n.params)]
            wanted += [program.find(variant.name.id) for variant in program.spec.variants]
        graphs, faults = [], dict[Any, Diagnostic]()
        for network, variant in wanted:
            try:
                graphs.append(elaborate(network, program.definitions, variant, Choices(**limits)))  # type: ignore[arg-type]
            except SpecError as error:
                for found in error.diagnostics:  # variants of one network share its faults
                    faults.setdefault((found.code, str(found.span)), found)
        if faults:
            raise SpecError(faults.values())
        return graphs


def open_spec(spec: str | os.PathLike[str]) -> tuple[Program, str | None]:
    """The program that a SPEC names, and the variant in it, if it names one.

    A SPEC is a path, `path:variant`, the name of a variant that ships with archdsl, or `-` for standard input.
    """
    written = os.fspath(spec)
    path, name = _split(written)
    if path == "-":
        return program(read_stdin(), Path.cwd()), name
    if path is not None:
        file = Path(path)
        return program(read(file, path), file.resolve().parent), name
    shipped = zoo()
    if written not in shipped:
        help = did_you_mean(written, shipped) or "`archdsl zoo` lists what ships; a file is named by its path"
        raise _usage(f"no file and no shipped variant is called `{written}`", help, written)
    file = shipped[written]
    return program(read(file), file.parent), written


def _split(spec: str) -> tuple[str | None, str | None]:
    """Path and variant of a SPEC; no path for a bare name."""
    if os.path.lexists(spec) or spec == "-":
        return spec, None
    path, colon, name = spec.rpartition(":")
    if colon and path and not re.search(r"[\\/.]", name):
        return path, name
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", spec):
        return None, None
    return spec, None


def zoo() -> dict[str, Path]:
    """The variants that ship with archdsl, and the file each stands in."""
    found: dict[str, Path] = {}
    for file in sorted(SPECS.rglob(f"*{SUFFIX}")):
        for match in re.finditer(r"^variant\s+(\w+)", file.read_text(encoding="utf-8"), re.MULTILINE):
            found[match.group(1)] = file
    return found


def parse_string(code: str, name: str = "<string>") -> Program:
    """The program that a text holds; its imports are read from the working directory."""
    return program(decode(code.encode(), name), Path.cwd())


def program(source: Source, directory: Path) -> Program:
    """Parse a file and all it imports. Raises `SpecError`."""
    spec = text.parse(source)
    faults = _duplicates(spec)
    blocks = _imported(spec, directory.resolve(), [], faults, {})
    definitions = _define(spec, blocks)
    faults += resolve(spec, definitions)
    if not spec.networks and not faults:
        faults.append(
            Diagnostic(
                "empty-spec",
                "the spec has no network",
                _first(spec),
                help="blocks are used by networks; `import` them into a file that has one",
            )
        )
    if faults:
        raise SpecError(faults)
    return Program(spec, definitions)


def _define(spec: tree.Spec, imported: Mapping[str, tuple[tree.Block, Definitions]]) -> Definitions:
    blocks = dict(imported)
    definitions = Definitions(blocks)
    blocks |= {block.name.id: (block, definitions) for block in spec.blocks}  # a block sees its own file
    return definitions


@dataclass(slots=True)
class _Imported:
    spec: tree.Spec
    definitions: Definitions = field(default_factory=Definitions)


def _imported(
    spec: tree.Spec, directory: Path, stack: list[Path], faults: list[Diagnostic], done: dict[Path, _Imported]
) -> dict[str, tuple[tree.Block, Definitions]]:
    """The blocks that a file imports, by name."""
    blocks: dict[str, tuple[tree.Block, Definitions]] = {}
    own = {block.name.id: block for block in spec.blocks}
    for statement in spec.imports:
        found = _import(statement, directory, stack, faults, done)
        if found is None:
            continue
        for name in statement.names:
            available = {block.name.id: block for block in found.spec.blocks}
            if name.id not in available:
                help = did_you_mean(name.id, available)
                faults.append(
                    Diagnostic(
                        "unknown-name", f"`{statement.path.value}` has no block `{name.id}`", name.span, help=help
                    )
                )
            elif name.id in own or name.id in blocks:
                first = (own.get(name.id) or blocks[name.id][0]).name.span
                labels = (Label(first, "also defined here"),)
                message = f"block `{name.id}` is defined twice"
                faults.append(Diagnostic("duplicate-definition", message, name.span, labels))
            else:
                blocks[name.id] = (available[name.id], found.definitions)
    return blocks


def _import(
    statement: tree.Import, directory: Path, stack: list[Path], faults: list[Diagnostic], done: dict[Path, _Imported]
) -> _Imported | None:
    written = str(statement.path.value)
    span = statement.path.span

    def refuse(code: str, message: str, help: str | None = None) -> None:
        faults.append(Diagnostic(code, message, span, help=help))

    beside = 'an import names a file beside or below the importing one: `import "blocks.arch" (name)`'
    if "://" in written:
        return refuse("import-path", "an import is a local file; nothing is fetched", beside)
    if not written or os.path.isabs(written) or "\\" in written or ".." in Path(written).parts:
        return refuse("import-path", f"the import `{written}` leaves the directory of its file", beside)
    path = Path(os.path.realpath(directory / written))
    if not path.is_relative_to(directory):
        return refuse("import-path", f"the import `{written}` is a link out of the directory of its file", beside)
    if path in stack:
        names = " -> ".join(p.name for p in [*stack[stack.index(path) :], path])
        return refuse("import-cycle", f"files import each other: {names}")
    if path in done:
        return done[path]
    if len(done) >= MAX_IMPORTS:
        return refuse("import-cycle", f"more than {MAX_IMPORTS} files are imported, which is the limit")
    try:
        # Shown as the user would open it: relative to the importing file.
        shown = os.path.join(os.path.dirname(statement.span.source.name), written)
        source = read(path, shown, "import-missing")
        spec = text.parse(source)
    except SpecError as error:
        for found in error.diagnostics:
            if found.span is None:
                refuse(found.code, found.message, found.help)
            else:
                faults.append(found)
        return None
    done[path] = found_spec = _Imported(spec)
    faults += _duplicates(spec)
    blocks = _imported(spec, path.parent, [*stack, path], faults, done)
    found_spec.definitions = _define(spec, blocks)
    faults += resolve(spec, found_spec.definitions)
    return found_spec


def _duplicates(spec: tree.Spec) -> list[Diagnostic]:
    """Blocks, networks, variants and parameters that are defined twice; variants of unknown networks."""
    faults = []
    networks = {n.name.id for n in spec.networks}
    for kind, nodes in (("block", spec.blocks), ("network or variant", (*spec.networks, *spec.variants))):
        first: dict[str, tree.Target] = {}
        for node in nodes:
            name = node.name
            if name.id in first:
                labels = (Label(first[name.id].span, "first defined here"),)
                message = f"{kind} `{name.id}` is defined twice"
                faults.append(Diagnostic("duplicate-definition", message, name.span, labels))
            first.setdefault(name.id, name)
    for owner in (*spec.blocks, *spec.networks):
        seen: dict[str, tree.Target] = {}
        for param in owner.params:
            if param.name.id in seen:
                labels = (Label(seen[param.name.id].span, "first declared here"),)
                message = f"parameter `{param.name.id}` is declared twice"
                faults.append(Diagnostic("duplicate-parameter", message, param.name.span, labels))
            seen.setdefault(param.name.id, param.name)
    for variant in spec.variants:
        callee = variant.call.callee
        if callee.id not in networks:
            help = did_you_mean(callee.id, networks)
            faults.append(Diagnostic("unknown-name", f"unknown network `{callee.id}`", callee.span, help=help))
    return faults


def _first(spec: tree.Spec) -> Any:
    nodes = [*spec.imports, *spec.blocks, *spec.variants]
    return min((node.span for node in nodes), key=lambda span: span.start)


def _usage(message: str, help: str | None, place: str) -> SpecError:
    return SpecError([Diagnostic("unknown-spec", message, help=help, place=place)])


@contextlib.contextmanager
def _one_job() -> Iterator[None]:
    """Elaborate without the cyclic garbage collector, which only slows the building of large trees, and with
    enough recursion for what the nesting limits allow."""
    enabled, limit = gc.isenabled(), sys.getrecursionlimit()
    gc.disable()
    sys.setrecursionlimit(max(limit, RECURSION_LIMIT))
    try:
        yield
    except RecursionError:
        message = "blocks and brackets are nested too deep together"
        raise SpecError([Diagnostic("nesting-too-deep", message, place="the spec")]) from None
    finally:
        sys.setrecursionlimit(limit)
        if enabled:
            gc.enable()
