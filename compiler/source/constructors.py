"""Writes classes: their constructors, and around what runs."""

from __future__ import annotations

import re
from collections.abc import Sequence

from archdsl.instances.explanations import negated
from archdsl.instances.written import literal
from compiler.source.building import Building, is_named, listed
from compiler.source.class_parts import ClassPart, Unsayable
from compiler.source.forward import Forward


class ClassWriter(Building):
    """Writes one class."""

    def write(self, name: str, extra: Sequence[str]) -> list[str]:
        base = self.base()
        forward = [] if base == "nn.Sequential" else self.forward()
        constructor = self.constructor(base)
        body: list[str] = []
        if not forward and self.shapes:
            body += [*(f"    {line}" for line in self.shapes), ""]
        if constructor:
            parameters = [
                f"{one}={self.template.defaults[one]}" if one in self.template.defaults else one
                for one in self.template.parameters
            ]
            parameters += [f'{device}="cpu"' for device in self.devices]
            body.append(f"    def __init__({', '.join(['self', *parameters])}):")
            body += [f"        {line}" for line in constructor]
        if forward:
            body += [*([""] if constructor else []), *forward]
        body += extra
        return [f"class {name}({base}):", *body]

    def base(self) -> str:
        if self.modules and all(scope.sequence for scope in self.template.scopes):
            names = [part.attribute if is_named(part) else str(i) for i, part in enumerate(self.template.parts)]
            chosen = any(part.condition for part in self.template.parts)
            if (names == [str(i) for i in range(len(names))] or chosen) and not self.root:
                return "nn.Sequential"
        return {"module": "nn.Module", "list": "nn.ModuleList", "dict": "nn.ModuleDict"}[self.places.kind("")]

    def constructor(self, base: str) -> list[str]:
        if base == "nn.Sequential":
            made = f"super().__init__({self.steps(self.template.parts)})"
            return [*self.set_up([made]), made]
        lines: list[str] = []
        begun: set[str] = set()
        done: set[int] = set()
        condition: str | None = None
        for number, part in enumerate(self.modules):
            if number in done:
                continue
            if part.condition is not None:
                for container in self.places.around(part.attribute):
                    if container not in begun:
                        begun.add(container)
                        kind = {"module": "nn.Module", "list": "nn.ModuleList", "dict": "nn.ModuleDict"}[
                            self.places.kind(container)
                        ]
                        lines.append(self.places.assigned(container, f"{kind}()"))
            if part.condition != condition:
                before, condition = condition, part.condition
                if condition is not None:
                    lines += [
                        f"{self.places.access(one.attribute)} = {self.otherwise(one)}"
                        for one in self.modules
                        if one.condition == condition and self.is_optional(one)
                    ]
                    opposite = before is not None and before == negated(condition) and (lines[-1].startswith("    "))
                    lines.append("else:" if opposite else f"if {condition}:")
            indent = "    " if condition else ""
            whole = self.whole(number) if condition is None else None
            around = self.places.around(whole[0] if whole is not None else part.attribute)
            for container in around:
                if container not in begun:
                    begun.add(container)
                    kind = {"module": "nn.Module", "list": "nn.ModuleList", "dict": "nn.ModuleDict"}[
                        self.places.kind(container)
                    ]
                    lines.append(self.places.assigned(container, f"{kind}()"))
            if whole is not None:
                container, members, text = whole
                done |= set(members)
                begun.add(container)
                lines.append(self.places.assigned(container, text))
                continue
            lines.append(indent + self.places.assigned(part.attribute, self.made(part)))
        if any(one.repeated for i, one in enumerate(self.modules) if i not in done):
            raise Unsayable(self.template.scopes)
        stored = [f"self.{name} = {text}" for name, text in self.stored.items()]
        stored += [f"self.{device} = {device}" for device in self.devices]
        if not (lines or stored or self.template.parameters):
            return []
        return ["super().__init__()", *self.set_up([*stored, *lines]), *stored, *lines]

    def set_up(self, lines: Sequence[str]) -> list[str]:
        """The names that the body binds first; one that nothing reads is `_`."""
        found: list[str] = []
        for line in reversed(list(self.template.columns.set_up)):
            names, text = line.split(" = ", 1)
            after = "\n".join([*found, *lines])
            kept = [
                name if re.search(rf"(?<![\w.]){name}(?![\w=])|(?<![\w.]){name}=(?!=)", after) else "_"
                for name in names.split(", ")
            ]
            found.insert(0, f"{', '.join(kept)} = {text}")
        return found

    def whole(self, number: int) -> tuple[str, range, str] | None:
        """A list or mapping of modules that are made in a row, in one expression."""
        attribute = self.modules[number].attribute
        for container in self.places.around(attribute):
            members = self.places.members(container)
            inside = range(number, number + len(members))
            if list(inside) != members or any(self.modules[i].condition for i in inside):
                continue
            if self.places.kind(container) == "module" or any(
                self.modules[i].attribute.count(".") != container.count(".") + 1 for i in inside
            ):
                continue
            if self.places.kind(container) == "list":
                texts = self.each([self.modules[i] for i in inside])
                return container, inside, f"nn.ModuleList({listed(texts)})"
            texts = [self.made(self.modules[i]) for i in inside]
            names = [self.modules[i].attribute.rpartition(".")[2] for i in inside]
            pairs = ", ".join(f"{literal(name)}: {text}" for name, text in zip(names, texts, strict=True))
            return container, inside, f"nn.ModuleDict({{{pairs}}})"
        return None

    def otherwise(self, part: ClassPart) -> str:
        """What stands in the place of a module that is not there."""
        return "nn.Identity()" if part.attribute in self.identities else "None"

    def forward(self) -> list[str]:
        return Forward(self).write()
