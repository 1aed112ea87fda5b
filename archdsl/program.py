"""A spec file with everything it imports, ready to be elaborated."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from archdsl.definitions import Definition, Definitions
from archdsl.diagnostics import Diagnostic, Label, did_you_mean
from archdsl.errors import SpecError
from archdsl.graph import Writing
from archdsl.limits import limits, most_faults
from archdsl.read import decode, read
from archdsl.resolve import resolve
from archdsl.source import STDIN, Source, Span
from archdsl.syntax import forms, tree


@dataclass(frozen=True, slots=True)
class Program:
    """A file with all it imports, ready to be elaborated."""

    spec: tree.Spec
    definitions: Definitions
    directory: Path  # of the file, for its imports
    uses: Mapping[Span, Definition]  # what each name that is used in it, and in what it imports, stands for

    @property
    def names(self) -> list[str]:
        """What can be addressed in it: variants, then networks."""
        return [v.name.id for v in self.spec.variants] + [n.name.id for n in self.spec.networks]

    @property
    def checked(self) -> list[tuple[tree.NetworkDefinition, tree.Variant | None]]:
        """What there is to check in it: networks and variants.

        A network that needs settings is checked by its variants; without any, what is missing is a fault.
        """
        networks = {network.name.id: network for network in self.spec.networks}
        variants = [(networks[variant.call.callee.id], variant) for variant in self.spec.variants]
        named = {network.name.id for network, _ in variants}
        alone = [(n, None) for n in self.spec.networks if not missing_settings(n) or n.name.id not in named]
        return [*alone, *variants]

    def find(self, name: str | None) -> tuple[tree.NetworkDefinition, tree.Variant | None]:
        """A variant or network by name; without a name, the only network (or variant)."""
        networks = {n.name.id: n for n in self.spec.networks}
        variants = {v.name.id: v for v in self.spec.variants}
        if name is None:
            only = next(iter(networks.values())) if len(networks) == 1 else None
            if only is not None and not (missing_settings(only) and variants):
                return only, None
            several = "holds several networks" if only is None else f"needs a variant: `{only.name.id}` has settings"
            told = "-" if self.spec.source.name == STDIN else self.spec.source.name
            raise unknown_spec(
                f"`{self.spec.source.name}` {several}" + ("" if only is None else " without a default"),
                f"say which: {', '.join(f'`{told}:{n}`' for n in self.names[:6])}",
                self.spec.source.name,
            )
        if name in variants:
            return networks[variants[name].call.callee.id], variants[name]
        if name in networks:
            return networks[name], None
        help = did_you_mean(name, self.names) or f"it holds {', '.join(self.names[:12])}"
        raise unknown_spec(f"`{self.spec.source.name}` has no variant or network `{name}`", help, self.spec.source.name)


def missing_settings(network: tree.NetworkDefinition) -> list[str]:
    """The settings of a network that have no default."""
    return [param.name.id for param in network.params if param.shape is None and param.default is None]


def parse_string(code: str, name: str = "<string>") -> Program:
    """The program that a text holds; its imports are read from the working directory."""
    return program(decode(code.encode(), name), Path.cwd())


def reread(old: Program, texts: Mapping[str, str]) -> Program:
    """A program with other texts for some of its files, which are named as their sources are. Raises `SpecError`."""
    source = old.spec.source
    return program(Source(source.name, texts.get(source.name, source.text)), old.directory, texts)


def program(
    source: Source, directory: Path, texts: Mapping[str, str] = MappingProxyType({}), *, alone: bool = True
) -> Program:
    """Parse a file and all it imports; `texts` stand for files of these names. Raises `SpecError`.

    A file that does not stand `alone` may hold blocks and no network.
    """
    spec = forms.parse(source)
    faults = duplicates(spec)
    directory = directory.resolve()
    done: dict[Path, _Imported] = {}
    blocks, lost = _imported(spec, directory, [directory / Path(source.name).name], faults, done, texts)
    definitions = _define(spec, blocks)
    resolution = resolve(spec, definitions, lost)
    faults += resolution.faults
    if alone and not spec.networks and not faults:
        faults.append(
            Diagnostic(
                "empty-spec",
                "the spec has no network",
                _first(spec),
                help="blocks are used by networks; `import` them into a file that has one",
            )
        )
    if faults:
        raise SpecError(faults[: most_faults()])
    files = [resolution.written, *(imported.written for imported in done.values())]
    uses = dict(resolution.uses)
    for imported in done.values():
        uses |= imported.uses
    definitions = replace(definitions, written=Writing(*(sum(parts, ()) for parts in zip(*files, strict=True))))
    return Program(spec, definitions, directory, uses)


def _define(spec: tree.Spec, imported: Mapping[str, tuple[tree.Block, Definitions]]) -> Definitions:
    blocks = dict(imported)
    definitions = Definitions(blocks)
    blocks |= {block.name.id: (block, definitions) for block in spec.blocks}  # a block sees its own file
    return definitions


@dataclass(slots=True)
class _Imported:
    spec: tree.Spec
    definitions: Definitions = field(default_factory=Definitions)
    written: Writing = field(default_factory=Writing)
    uses: Mapping[Span, Definition] = field(default_factory=dict)


def _imported(
    spec: tree.Spec,
    directory: Path,
    stack: list[Path],
    faults: list[Diagnostic],
    done: dict[Path, _Imported],
    texts: Mapping[str, str],
) -> tuple[dict[str, tuple[tree.Block, Definitions]], set[str]]:
    """The blocks that a file imports, by name; and the names of those that could not be imported."""
    lost: set[str] = set()
    blocks: dict[str, tuple[tree.Block, Definitions]] = {}
    own = {block.name.id: block for block in spec.blocks}
    for statement in spec.imports:
        found = _import(statement, directory, stack, faults, done, texts)
        if found is None:
            lost |= {name.id for name in statement.names}
            continue
        for name in statement.names:
            available = {block.name.id: block for block in found.spec.blocks}
            if name.id not in available:
                lost.add(name.id)
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
    return blocks, lost


def _import(
    statement: tree.Import,
    directory: Path,
    stack: list[Path],
    faults: list[Diagnostic],
    done: dict[Path, _Imported],
    texts: Mapping[str, str],
) -> _Imported | None:
    """The file that a statement imports, parsed; None where it cannot be, with the faults recorded."""
    span = statement.path.span
    try:
        path = _find(statement, directory, stack)
        if path in done:
            return done[path]
        if len(done) >= limits().imports:
            message = f"more than {limits().imports} files are imported, which is the limit"
            raise SpecError([Diagnostic("too-many-imports", message, span, help="--max-imports sets another limit")])
        # Shown as the user would open it: relative to the importing file.
        shown = os.path.join(os.path.dirname(span.source.name), str(statement.path.value))
        source = Source(shown, texts[shown]) if shown in texts else read(path, shown, "import-missing")
        if sum(len(other.spec.source.text) for other in done.values()) + len(source.text) > limits().bytes:
            message = f"the imported files together are larger than {limits().bytes:,} bytes, the limit for a spec"
            raise SpecError([Diagnostic("file-too-large", message, span, help="--max-bytes sets another limit")])
        spec = forms.parse(source)
    except SpecError as error:
        faults += [replace(found, span=found.span or span, place=None) for found in error.diagnostics]
        return None
    done[path] = imported = _Imported(spec)
    faults += duplicates(spec)
    blocks, lost = _imported(spec, path.parent, [*stack, path], faults, done, texts)
    imported.definitions = _define(spec, blocks)
    resolution = resolve(spec, imported.definitions, lost, imported=True)
    faults += resolution.faults
    imported.written, imported.uses = resolution.written, resolution.uses
    return imported


def _find(statement: tree.Import, directory: Path, stack: list[Path]) -> Path:
    """The path of an import, which must lie beside or below the importing file. Raises `SpecError`."""
    written = str(statement.path.value)
    path = Path(os.path.realpath(directory / written))
    if "://" in written:
        wrong = "an import is a local file; nothing is fetched"
    elif not written or os.path.isabs(written) or "\\" in written or ".." in Path(written).parts:
        wrong = f"the import `{written}` leaves the directory of its file"
    elif not path.is_relative_to(directory):
        wrong = f"the import `{written}` is a link out of the directory of its file"
    elif path in stack:
        names = " -> ".join(p.name for p in [*stack[stack.index(path) :], path])
        raise SpecError([Diagnostic("import-cycle", f"files import each other: {names}", statement.path.span)])
    else:
        return path
    help = 'an import names a file beside or below the importing one: `import "blocks.arch" (name)`'
    raise SpecError([Diagnostic("import-path", wrong, statement.path.span, help=help)])


def duplicates(spec: tree.Spec) -> list[Diagnostic]:
    """Blocks, networks, variants and parameters that are defined twice; variants of unknown networks."""
    faults = _twice("duplicate-definition", "block", [b.name for b in spec.blocks])
    names = [n.name for n in spec.networks] + [v.name for v in spec.variants]
    faults += _twice("duplicate-definition", "network or variant", names)
    for params in [b.params for b in spec.blocks] + [n.params for n in spec.networks]:
        faults += _twice("duplicate-parameter", "parameter", [param.name for param in params])
    networks = {n.name.id for n in spec.networks}
    for variant in spec.variants:
        callee = variant.call.callee
        if callee.id not in networks:
            help = did_you_mean(callee.id, networks)
            faults.append(Diagnostic("unknown-name", f"unknown network `{callee.id}`", callee.span, help=help))
    return faults


def _twice(code: str, kind: str, names: Iterable[tree.BoundName]) -> list[Diagnostic]:
    first: dict[str, tree.BoundName] = {}
    faults = []
    for name in names:
        if name.id in first:
            labels = (Label(first[name.id].span, "the first one"),)
            faults.append(Diagnostic(code, f"{kind} `{name.id}` is defined twice", name.span, labels))
        first.setdefault(name.id, name)
    return faults


def _first(spec: tree.Spec) -> Span:
    nodes: list[tree.Node] = [*spec.imports, *spec.blocks, *spec.variants]
    return min((node.span for node in nodes), key=lambda span: span.start, default=Span(spec.source, 0, 0))


def unknown_spec(message: str, help: str | None, place: str) -> SpecError:
    """The error for a name that no variant or network has."""
    return SpecError([Diagnostic("unknown-spec", message, help=help, place=place)])
