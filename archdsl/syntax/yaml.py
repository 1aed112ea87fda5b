"""The YAML form to syntax tree: the same tree that the text form gives, with spans in the YAML."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final, TypeVar

from archdsl.diagnostics import Diagnostic
from archdsl.errors import SpecError
from archdsl.limits import most_faults
from archdsl.source import Source
from archdsl.syntax import tree
from archdsl.syntax.explain import Stop
from archdsl.syntax.scalars import Recorded, Scalars
from archdsl.syntax.yaml_body import Bodies
from archdsl.syntax.yaml_expect import entries, items, keys, kind, names, shown
from archdsl.syntax.yaml_nodes import Composer, Entries, Scalar, YamlNode

VERSION: Final = "1"
SECTIONS: Final = ("archdsl", "imports", "blocks", "networks", "variants")
T = TypeVar("T")


def parse(source: Source) -> tree.Spec:
    """The syntax tree of a YAML spec. Raises `SpecError` with every fault found."""
    composer = Composer(source)
    try:
        root = composer.document()
    except Stop as stop:
        raise SpecError([*composer.errors, stop.diagnostic]) from None
    reader = _Reader(source, composer.errors)
    spec = reader.attempt(lambda: reader.spec(root, composer.comments()))
    if reader.errors or spec is None:
        raise SpecError(sorted(reader.errors, key=lambda e: e.span.start if e.span else 0)[: most_faults()])
    return spec


class _Reader:
    def __init__(self, source: Source, errors: list[Diagnostic]) -> None:
        self.source = source
        self.errors = errors
        self.scalars = Scalars(source, errors)

    def attempt(self, read: Callable[[], T]) -> T | None:
        """What can be read; the fault of what cannot is recorded, and the rest goes on."""
        try:
            return read()
        except Recorded:
            pass
        except Stop as stop:
            self.errors.append(stop.diagnostic)
        return None

    def all(self, read: Callable[..., T], parts: Iterable[tuple[Any, ...]]) -> tuple[T, ...]:
        """What a function reads of each of some parts, without those that it cannot read."""
        found: list[T | None] = [self.attempt(partial(read, *part)) for part in parts]
        return tuple([item for item in found if item is not None])

    def spec(self, root: YamlNode, comments: tuple[tree.Comment, ...]) -> tree.Spec:
        if not isinstance(root, Entries):
            help = "a spec begins with `archdsl: 1`"
            raise Stop(Diagnostic("syntax", f"a spec is a mapping, found {kind(root)}", root.span, help=help))
        self._version(root)
        keys(root, SECTIONS, self.errors, "a spec has")
        return tree.Spec(
            self.source,
            self.all(self._import, [(node,) for node in items(root.get("imports"), self.errors)]),
            self.all(partial(self._definition, tree.Block), self._section(root, "blocks")),
            self.all(partial(self._definition, tree.NetworkDefinition), self._section(root, "networks")),
            self.all(self._variant, self._section(root, "variants")),
            comments,
        )

    def _version(self, root: Entries) -> None:
        version = root.get("archdsl")
        if version is None:
            span = root.entries[0][0].span if root.entries else root.span
            message = "the spec does not say its version"
            raise Stop(Diagnostic("unknown-version", message, span, help="begin with `archdsl: 1`"))
        if not isinstance(version, Scalar) or version.value != VERSION:
            message = f"the version of a spec is {VERSION}, found {kind(version)}"
            newer = isinstance(version, Scalar) and version.value.isdigit()
            help = "a newer archdsl may read it" if newer else None
            raise Stop(Diagnostic("unknown-version", message, version.span, help=help))

    def _section(self, root: Entries, name: str) -> tuple[tuple[Scalar, YamlNode], ...]:
        node = root.get(name)
        return entries(node, self.errors, f"`{name}`") if node is not None else ()

    def _import(self, node: YamlNode) -> tree.Import:
        if not isinstance(node, Entries) or {"from", "import"} - set(node.keys):
            help = "write `{from: blocks.yaml, import: [name]}`"
            raise Stop(Diagnostic("syntax", "an import says `from` and `import`", node.span, help=help))
        keys(node, ("from", "import"), self.errors, "an import has")
        path, wanted = node.get("from"), node.get("import")
        if not isinstance(path, Scalar):
            assert path is not None
            raise Stop(Diagnostic("syntax", f"a path is text, found {kind(path)}", path.span))
        return tree.Import(node.span, self.scalars.string(path), names(wanted, self.scalars))

    def _definition(self, make: Callable[..., Any], key: Scalar, node: YamlNode) -> Any:
        name = self.scalars.name(key)
        span = key.span.to(node.span)
        if not isinstance(node, Entries):
            message = f"`{name.id}` has `inputs`, `params` and `body`, found {kind(node)}"
            raise Stop(Diagnostic("syntax", message, node.span if node.span.start < node.span.end else key.span))
        known = ("inline", "inputs", "params", "body") if make is tree.Block else ("inputs", "params", "body")
        keys(node, known, self.errors, f"`{name.id}` has")
        params = self._params(node, "inputs", self._input) + self._params(node, "params", self._param)
        body = node.get("body")
        if body is None:
            raise Stop(Diagnostic("no-value", f"`{name.id}` has no `body`", key.span))
        first = params[0].name.id if params else None
        bodies = Bodies(self.scalars, self.errors, first)
        inline = self._inline(node) if make is tree.Block else ()
        return make(span, name, params, bodies.body(body), *inline)

    def _inline(self, node: Entries) -> tuple[bool]:
        """Whether a block adds no name of its own."""
        said = node.get("inline")
        if said is not None and not (isinstance(said, Scalar) and said.value in ("true", "false")):
            raise Stop(
                Diagnostic("syntax", f"`inline` is true or false, found {kind(said)}", shown(said, node.key("inline")))
            )
        return (said is not None and said.value == "true",)

    def _params(
        self, definition: Entries, section: str, read: Callable[[Scalar, YamlNode], tree.Param]
    ) -> tuple[tree.Param, ...]:
        node = definition.get(section)
        found = entries(node, self.errors, f"`{section}`") if node is not None else ()
        return self.all(read, found)

    def _input(self, key: Scalar, node: YamlNode) -> tree.Param:
        if isinstance(node, Entries):
            return self._param(key, node)
        return tree.Param(
            key.span.to(node.span),
            self.scalars.name(key),
            Bodies(self.scalars, self.errors, None).shape(key, node),
            None,
            None,
        )

    def _param(self, key: Scalar, node: YamlNode) -> tree.Param:
        """A value is the default; the name of a type says what is taken; nothing says anything."""
        name = self.scalars.name(key)
        shape = type = default = None
        if isinstance(node, Entries):
            keys(node, ("shape", "type", "default"), self.errors, "a parameter has")
            for found, value in node.entries:
                if found.value == "shape":
                    shape = Bodies(self.scalars, self.errors, None).shape(key, value)
                elif found.value == "type" and isinstance(value, Scalar):
                    target = self.scalars.name(value, "a type")
                    type = tree.Name(target.span, target.id)
                elif found.value == "default":
                    default = Bodies(self.scalars, self.errors, None).static(value)
        elif isinstance(node, Scalar) and node.style is None and node.value in tree.TYPES:
            type = tree.Name(node.span, node.value)
        elif not (isinstance(node, Scalar) and node.empty):
            default = Bodies(self.scalars, self.errors, None).static(node)
        return tree.Param(key.span.to(node.span), name, shape, type, default)

    def _variant(self, key: Scalar, node: YamlNode) -> tree.Variant:
        name = self.scalars.name(key)
        call = Bodies(self.scalars, self.errors, None).call(node)
        return tree.Variant(key.span.to(node.span), name, call)
