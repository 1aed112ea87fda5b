"""What a class is made of, for those who write its parts."""

from __future__ import annotations

import re

from archdsl.graph import header
from compiler.source.class_parts import ClassPart, Template
from compiler.source.hierarchy import Forest, LayerLeaf
from compiler.source.library import Library
from compiler.source.places import Places
from compiler.source.starting import Initialisers


class ClassPlan:
    """A class to be written: which of its parts it keeps as modules, where, and what is a function.

    The forward pass notes in it what the constructor has to keep (`stored`), and which modules may be identities where
    they are not there (`identities`).
    """

    def __init__(
        self,
        forest: Forest,
        template: Template,
        library: Library,
        starts: Initialisers,
        names: dict[int, str],
        wrappers: dict[str, list[str]],
    ) -> None:
        self.tree = template.scopes[0].tree
        self.frozen, self.regions = forest.frozen, forest.regions
        self.template = template
        self.library = library
        self.starts = starts
        self.names = names
        self.wrappers = wrappers
        self.root = template.scopes[0] is self.tree.root
        self.devices = header(self.tree.graph)["devices"] if self.root else ()
        self.stored: dict[str, str] = {}
        self.shapes: list[str] = []
        self.identities: set[str] = set()  # modules that pass their input on where they are not there
        every = [one for part in template.parts for one in (part.parts if part.loop is not None else (part,))]
        self.modules = self._once([part for part in every if self.has_attribute(part)])
        self.places = Places(
            [part.attribute for part in self.modules],
            [part.leaf is not None and self.is_tensor(part.leaf) for part in self.modules],
        )

    def has_attribute(self, part: ClassPart) -> bool:
        leaf = part.leaf
        if leaf is None:
            return part.first.use == 1
        if leaf.holder is None or leaf.use > 1:
            return False
        return leaf.holder.target.kind != "module" or not self.is_functional(part)

    def _once(self, parts: list[ClassPart]) -> list[ClassPart]:
        """Modules without those that are as others: what owns nothing and has no name is built once and used again."""
        kept: list[ClassPart] = []
        first: dict[str, ClassPart] = {}
        for part in parts:
            leaf = part.leaf
            if leaf is not None and part.condition is None and self._is_anonymous(leaf, part):
                assert leaf.holder is not None
                other = first.setdefault(repr((leaf.holder.target.name, part.arguments)), part)
                if other is not part:
                    part.attribute = other.attribute
                    continue
            kept.append(part)
        return kept

    def _is_anonymous(self, leaf: LayerLeaf, part: ClassPart) -> bool:
        assert leaf.holder is not None
        if leaf.named or leaf.holder.held or leaf.holder.target.kind != "module" or leaf.use > 1:
            return False
        return "." not in part.attribute and not part.attribute.isdigit() and id(part.first) not in self.frozen

    def is_tensor(self, leaf: LayerLeaf) -> bool:
        return leaf.holder is not None and leaf.holder.target.kind != "module"

    def is_functional(self, part: ClassPart) -> bool:
        """Whether a module is rather written as a function: it owns nothing, and nobody named it."""
        leaf = part.leaf
        if (
            leaf is None
            or leaf.named
            or (leaf.holder and leaf.holder.held)
            or part.attribute.rpartition(".")[2].isdigit()
        ):
            return False
        return self.idiom(part) is not None

    def idiom(self, part: ClassPart) -> str | None:
        """How people write an operator, if it is so in all instances."""
        found = set()
        for item in part.items:
            if isinstance(item, LayerLeaf):
                found.add(item.node["operator"].idiom(*item.shapes))
        return found.pop() if len(found) == 1 else None

    def owns(self, part: ClassPart) -> bool:
        return any(leaf.holder is not None and leaf.holder.held for leaf in part.first.leaves())

    def device(self, part: ClassPart) -> str | None:
        return part.node["device"] if self.root else None

    def is_optional(self, part: ClassPart) -> bool:
        """Whether the forward pass asks for the module itself whether it is there."""
        alone = [one for one in self.template.parts if one.condition == part.condition]
        same = [one for one in self.modules if one.attribute == part.attribute]
        return len(alone) == 1 and len(same) == 1 and part.attribute.isidentifier() and self.places.kind("") == "module"

    def asked(self, condition: str) -> str:
        """A condition of the constructor, as the forward pass asks for it."""
        for part in self.modules:
            if part.condition == condition and self.is_optional(part):
                return f"{self.places.access(part.attribute)} is not None"
        return self.kept(condition)

    def kept(self, text: str) -> str:
        """What a constructor knows, kept for the forward pass."""
        columns = self.template.columns
        bound = {name.strip() for line in columns.set_up for name in line.split(" = ")[0].split(",")}
        known = set(columns.used) | bound
        used = [name for name in re.findall(r"(?<![\w.\"])[A-Za-z_]\w*", text) if name in known]
        for name in used:
            own = self.kept_as(name)
            self.stored.setdefault(own, name)
        return re.sub(
            r"(?<![\w.\"])[A-Za-z_]\w*",
            lambda found: f"self.{self.kept_as(found[0])}" if found[0] in known else found[0],
            text,
        )

    def kept_as(self, name: str) -> str:
        """The attribute that keeps a parameter: its name, unless a module has it."""
        return name if name not in self.places.children("") else f"{name}_"
