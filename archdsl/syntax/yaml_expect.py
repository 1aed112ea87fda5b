"""What several parts of the YAML reader ask of a node."""

from __future__ import annotations

from collections.abc import Collection

from archdsl.diagnostics import Diagnostic, did_you_mean
from archdsl.source import Span
from archdsl.syntax import tree
from archdsl.syntax.explain import Stop
from archdsl.syntax.scalars import Scalars
from archdsl.syntax.yaml_nodes import Entries, Items, Scalar, YamlNode


def kind(node: YamlNode) -> str:
    """What a node is, for messages."""
    if isinstance(node, Scalar):
        return "nothing" if node.empty else f"`{node.value[:40]}`"
    return "a list" if isinstance(node, Items) else "a mapping"


def shown(node: YamlNode, key: Scalar) -> Span:
    """A node's span, or the key's where the node is nothing."""
    return node.span if node.span.end > node.span.start else key.span


def keys(node: Entries, known: Collection[str], errors: list[Diagnostic], owner: str) -> None:
    """Record the keys that nothing reads."""
    for key, _ in node.entries:
        if key.value not in known:
            help = did_you_mean(key.value, known) or f"{owner} {', '.join(f'`{name}`' for name in known)}"
            errors.append(Diagnostic("unknown-key", f"unknown key `{key.value[:64]}`", key.span, help=help))


def entries(node: YamlNode, errors: list[Diagnostic], owner: str) -> tuple[tuple[Scalar, YamlNode], ...]:
    if isinstance(node, Entries):
        return node.entries
    if not (isinstance(node, Scalar) and node.empty):
        errors.append(Diagnostic("syntax", f"{owner} is a mapping, found {kind(node)}", node.span))
    return ()


def items(node: YamlNode | None, errors: list[Diagnostic]) -> tuple[YamlNode, ...]:
    if isinstance(node, Items):
        return node.items
    if node is not None and not (isinstance(node, Scalar) and node.empty):
        errors.append(Diagnostic("syntax", f"`imports` is a list, found {kind(node)}", node.span))
    return ()


def names(node: YamlNode | None, scalars: Scalars) -> tuple[tree.BoundName, ...]:
    """A list of names, or one text with commas between them."""
    if isinstance(node, Scalar):
        return scalars.names(node)
    if not isinstance(node, Items) or not node.items:
        raise Stop(Diagnostic("syntax", "names are a list", node.span if node is not None else None))
    found = []
    for item in node.items:
        if not isinstance(item, Scalar):
            raise Stop(Diagnostic("syntax", f"a name is text, found {kind(item)}", item.span))
        found.append(scalars.name(item))
    return tuple(found)
