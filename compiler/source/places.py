"""Where a class keeps what it builds: attributes, and lists and mappings of modules among them."""

from __future__ import annotations

from collections.abc import Sequence

from archdsl.instances.written import literal


class Places:
    """Where a class keeps what it builds: attributes, and lists and mappings of modules among them."""

    def __init__(self, attributes: Sequence[str], tensors: Sequence[bool]) -> None:
        self.attributes = list(attributes)
        self.tensors = {attribute for attribute, is_tensor in zip(attributes, tensors, strict=True) if is_tensor}

    def children(self, container: str) -> list[str]:
        front = f"{container}." if container else ""
        return list(dict.fromkeys(a.removeprefix(front).split(".")[0] for a in self.attributes if a.startswith(front)))

    def kind(self, container: str) -> str:
        names = self.children(container)
        if all(name.isidentifier() for name in names):
            return "module"
        return "list" if names == [str(i) for i in range(len(names))] else "dict"

    def around(self, attribute: str) -> list[str]:
        """The containers around an attribute, from outside."""
        segments = attribute.split(".")[:-1]
        return [".".join(segments[: i + 1]) for i in range(len(segments))]

    def members(self, container: str) -> list[int]:
        return [i for i, attribute in enumerate(self.attributes) if attribute.startswith(f"{container}.")]

    def access(self, attribute: str) -> str:
        """How a method says it."""
        text, before = "self", ""
        for segment in attribute.split("."):
            kind = self.kind(before)
            text += {"module": f".{segment}", "list": f"[{segment}]", "dict": f"[{literal(segment)}]"}[kind]
            before = f"{before}.{segment}" if before else segment
        return text

    def assigned(self, attribute: str, text: str) -> str:
        container = attribute.rpartition(".")[0]
        if self.kind(container) == "list":
            return f"{self.access(container) if container else 'self'}.append({text})"
        return f"{self.access(attribute)} = {text}"
