"""Writes classes: their constructors, and around what runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from archdsl.graph import header
from archdsl.recovery.columns import negated
from archdsl.recovery.written import literal
from compiler.program import Held, Holder, Routine
from compiler.source.forward import Forward
from compiler.source.hierarchy import Hierarchy, Leaf
from compiler.source.library import Library, in_place, is_ours
from compiler.source.places import Places
from compiler.source.runs import named_run, runs
from compiler.source.spelling import Text, call, called, given, refuse_own
from compiler.source.starting import Initialisers, fill
from compiler.source.templates import Part, Template


class ClassWriter:
    """Writes one class."""

    def __init__(
        self,
        tree: Hierarchy,
        template: Template,
        library: Library,
        starts: Initialisers,
        names: dict[int, str],
        wrappers: dict[str, list[str]],
    ) -> None:
        self.tree = tree
        self.template = template
        self.library = library
        self.starts = starts
        self.names = names
        self.wrappers = wrappers
        self.root = template.scopes[0] is tree.root
        self.devices = header(tree.graph)["devices"] if self.root else ()
        self.stored: dict[str, str] = {}
        self.shapes: list[str] = []
        self.identities: set[str] = set()  # modules that pass their input on where they are not there
        self.modules = [part for part in template.parts if self.has_attribute(part)]
        self.places = Places(
            [part.attribute for part in self.modules],
            [part.leaf is not None and self.is_tensor(part.leaf) for part in self.modules],
        )

    # --- what is built

    def has_attribute(self, part: Part) -> bool:
        leaf = part.leaf
        if leaf is None:
            return part.first.use == 1
        if leaf.holder is None or leaf.use > 1:
            return False
        return leaf.holder.target.kind != "module" or not self.is_functional(part)

    def is_tensor(self, leaf: Leaf) -> bool:
        return leaf.holder is not None and leaf.holder.target.kind != "module"

    def is_functional(self, part: Part) -> bool:
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

    def idiom(self, part: Part) -> str | None:
        """How people write an operator, if it is so in all instances."""
        found = set()
        for item in part.items:
            if isinstance(item, Leaf):
                shapes = [self.tree.shape(ref) for ref in item.reads]
                found.add(item.node["operator"].idiom(*shapes))
        return found.pop() if len(found) == 1 else None

    def made(self, part: Part) -> str:
        """The expression that makes what a part holds."""
        leaf = part.leaf
        if leaf is None:
            text = (
                self.sequence(part)
                if part.template is None
                else f"{self.names[id(part.template)]}({self.call_arguments(part)})"
            )
        elif leaf.holder is None or leaf.holder.target.kind == "module":
            text = self.module(part)
        else:
            return self.tensor(leaf, part.positional)
        if id(part.first) in self.tree.frozen:
            text += ".requires_grad_(False)"
        return text + (f".to({device})" if (device := self.device(part)) and self.owns(part) else "")

    def owns(self, part: Part) -> bool:
        return any(leaf.holder is not None and leaf.holder.held for leaf in part.first.leaves())

    def device(self, part: Part) -> str | None:
        return part.node["device"] if self.root else None

    def module(self, part: Part) -> str:
        leaf = part.leaf
        assert leaf is not None
        target = leaf.invoke.target if leaf.holder is None and leaf.invoke is not None else leaf.holder.target  # type: ignore[union-attr]
        if target.kind == "function":  # in a sequence
            return self.wrapper(part)
        operator = leaf.node["operator"]
        name, arguments = operator.built(target.name, dict(part.arguments))
        if is_ours(name):
            made = f"{self.library.add(name)}({', '.join(f'{key}={text}' for key, text in arguments.items())})"
        else:
            refuse_own(name, leaf.key)
            made = f"{called(name)}({given(name, arguments)})"
        return made if leaf.holder is None else self.starts.wrapped(made, leaf.holder, self.library)

    def wrapper(self, part: Part) -> str:
        """A module around a function, for a sequence."""
        leaf = part.leaf
        assert leaf is not None and leaf.invoke is not None
        values = {f"value{i}" if i else "value": text for i, text in enumerate(part.positional)} | part.keywords
        own = dict(values)
        names = list(own)
        count = len(part.positional)
        operator = leaf.node["op"]
        better = {
            "permute": ["dims"],
            "squeeze": ["dim"],
            "unsqueeze": ["dim"],
            "reshape": ["shape"],
            "unflatten": ["dim", "sizes"],
        }
        names = better.get(operator, names)[: len(own)] if len(better.get(operator, names)) == len(own) else names
        inner = [Text(f"self.{name}") for name in names]
        shown = replace_arguments(part, inner[:count], dict(zip(part.keywords, inner[count:], strict=True)))
        assert isinstance(leaf, Leaf)
        kwargs = {key: str(text) for key, text in shown.keywords.items()}
        expression = call(
            leaf.invoke, leaf.node["operator"], [Text("x")], shown.positional, kwargs, self.library, self.idiom(part)
        )
        name = "".join(piece.capitalize() for piece in operator.split("_"))
        self.wrappers[name] = [
            f"class {name}(nn.Module):",
            f"    def __init__({', '.join(['self', *names])}):",
            "        super().__init__()",
            *(f"        self.{one} = {one}" for one in names),
            "",
            "    def forward(self, x):",
            f"        return {expression}",
        ]
        return f"{name}({', '.join(_as_list(text) for text in own.values())})"

    def tensor(self, leaf: Leaf, shape: Sequence[str]) -> str:
        """A parameter or buffer of its own."""
        holder = leaf.holder
        assert holder is not None
        (held,) = holder.held
        value = self.started(holder, held, shape)
        if holder.device and self.root:
            value += f".to({holder.device})"
        if holder.target.kind == "parameter":
            return f"nn.Parameter({value}{', requires_grad=False' if holder.frozen else ''})"
        return f"nn.Buffer({value}{', persistent=False' if holder.target.kind == 'constant' else ''})"

    def started(self, holder: Holder, held: Held, sizes: Sequence[str]) -> str:
        shape = ", ".join(sizes)
        if holder.target.kind == "constant":
            values = [Text(literal(_lists(value))) for value in holder.target.args]
            texts = {name: literal(value) for name, value in holder.target.kwargs.items()}
            found = in_place(holder.target.name, [], values, texts, False)
            assert found is not None
            return found
        start = held.start
        if isinstance(start, Routine):
            return self.routine(start)
        if start is None:
            return f"torch.empty({shape or '()'})"
        shape = shape or "()"
        if start.name in ("zeros", "ones"):
            return f"torch.{start.name}({shape})"
        if start.name == "constant":
            return (
                f"torch.full(({shape}{',' * (len(held.weight.shape) == 1)}), {start.args[0]})"
                if held.weight.shape
                else f"torch.full((), {start.args[0]})"
            )
        return fill(start.name, f"torch.empty({shape})", [literal(arg) for arg in start.args], self.library)

    def routine(self, routine: Routine) -> str:
        """A tensor of no others, as one expression."""
        values: dict[Any, Text] = {}
        for step in routine.invoked():
            target = step.target
            node = self.tree.graph.nodes[step.layer]
            read = [values[ref.layer, ref.output] for ref in step.operands]
            if target.kind in ("constant", "source"):
                args = [Text(literal(_lists(value))) for value in target.args]
                kwargs = {name: literal(value) for name, value in target.kwargs.items()}
                like = [] if target.kind == "constant" else [Text("LIKE")]
                text = in_place(target.name, like, args, kwargs, False)
                assert text is not None
                text = text.replace(", device=LIKE.device", "").replace("LIKE.dtype", "torch.float32")
            else:
                shapes = [self.tree.shape((ref.layer, ref.output)) for ref in step.operands]
                text = call(
                    step,
                    node["operator"],
                    read,
                    [Text(literal(_lists(a))) for a in target.args],
                    {k: literal(_lists(v)) for k, v in target.kwargs.items()},
                    self.library,
                    node["operator"].idiom(*shapes),
                )
            for ref in step.results:
                values[ref.layer, ref.output] = Text(f"{Text(text).atom}[{ref.output}]" if step.listed else text)
        ref = routine.results[0].ref
        text = Text(values[ref.layer, ref.output])
        return f"{text.atom}.contiguous()" if self.tree.graph.nodes[ref.layer]["operator"].view else text

    def call_arguments(self, part: Part) -> str:
        template = part.template
        assert template is not None
        texts = []
        by_place = True
        for name in template.parameters:
            text = part.arguments[name]
            if name in template.defaults:
                by_place = False
                if text != template.defaults[name]:
                    texts.append(f"{name}={_as_list(text)}")
            else:
                texts.append(_as_list(text) if by_place else f"{name}={_as_list(text)}")
        return ", ".join(texts)

    def sequence(self, part: Part) -> str:
        """`nn.Sequential` of the parts."""
        return f"nn.Sequential({self.steps(part.parts)})"

    def steps(self, parts: Sequence[Part]) -> str:
        if any(one.condition for one in parts):
            return ", ".join(self.chosen(parts))
        made = [(one.attribute, self.made(one), one.condition) for one in parts]
        names = [name for name, _, _ in made]
        numbered = all(
            not _named(one) or name == str(i) for i, (one, name) in enumerate(zip(parts, names, strict=True))
        )
        if numbered:
            return ", ".join(runs([text for _, text, _ in made]))
        self.library.imports.add("from collections import OrderedDict")
        run = named_run(made)
        return (
            f"OrderedDict({run})"
            if run
            else f"OrderedDict([{', '.join(f'({literal(name)}, {text})' for name, text, _ in made)}])"
        )

    def chosen(self, parts: Sequence[Part]) -> list[str]:
        """The steps of a sequence, of which some are under conditions."""
        found: list[str] = []
        groups = [(c, list(group)) for c, group in groupby(parts, key=lambda one: one.condition)]
        at = 0
        while at < len(groups):
            condition, group = groups[at]
            texts = runs([self.made(one) for one in group])
            at += 1
            if condition is None:
                found += texts
                continue
            others: list[str] = []
            if at < len(groups) and groups[at][0] in (negated(condition), None) and groups[at][0] is not None:
                others = runs([self.made(one) for one in groups[at][1]])
                at += 1
            found.append(f"*([{', '.join(texts)}] if {condition} else [{', '.join(others)}])")
        return found

    # --- the class

    def write(self, name: str, doc: str | None, extra: Sequence[str]) -> list[str]:
        base = self.base()
        forward = [] if base == "nn.Sequential" else self.forward()
        constructor = self.constructor(base)
        body: list[str] = []
        if doc:
            body += [f'    """{doc}"""', ""]
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
            names = [part.attribute if _named(part) else str(i) for i, part in enumerate(self.template.parts)]
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
            texts = [self.made(self.modules[i]) for i in inside]
            if self.places.kind(container) == "list":
                return (
                    container,
                    inside,
                    f"nn.ModuleList([{', '.join(runs(texts))}])"
                    if len(runs(texts)) > 1 or not runs(texts)[0].startswith("*")
                    else f"nn.ModuleList({runs(texts)[0][1:]})",
                )
            names = [self.modules[i].attribute.rpartition(".")[2] for i in inside]
            pairs = ", ".join(f"{literal(name)}: {text}" for name, text in zip(names, texts, strict=True))
            return container, inside, f"nn.ModuleDict({{{pairs}}})"
        return None

    def otherwise(self, part: Part) -> str:
        """What stands in the place of a module that is not there."""
        return "nn.Identity()" if part.attribute in self.identities else "None"

    def is_optional(self, part: Part) -> bool:
        """Whether the forward pass asks for the module itself whether it is there."""
        alone = [one for one in self.template.parts if one.condition == part.condition]
        same = [one for one in self.modules if one.attribute == part.attribute]
        return len(alone) == 1 and len(same) == 1 and part.attribute.isidentifier() and self.places.kind("") == "module"

    # --- the forward pass

    def forward(self) -> list[str]:
        return Forward(self).write()


def _as_list(text: str) -> str:
    """A tuple as a list: of things that are many, not of one that has sides."""
    if text.startswith("(") and text.endswith(")") and "," in text and not text.startswith("(("):
        return f"[{text[1:-1].removesuffix(',')}]"
    return text.replace("(", "[").replace(")", "]").replace(",]", "]") if text.startswith("((") else text


def _lists(value: Any) -> Any:
    return value


def _named(part: Part) -> bool:
    leaf = part.leaf
    return leaf is None or leaf.named or bool(leaf.holder and leaf.holder.held) or part.attribute.isdigit()


def replace_arguments(part: Part, positional: Sequence[Text], keywords: dict[str, Text]) -> Part:
    return Part(part.items, part.attribute, None, part.arguments, tuple(positional), dict(keywords), part.reads)
