"""Writes the expressions that build what a class keeps: modules, sequences, tensors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from archdsl.graph import Graph
from archdsl.instances.explanations import negated
from archdsl.instances.written import literal
from compiler.program import Held, Holder, Routine
from compiler.source.class_parts import ClassPart, Unsayable
from compiler.source.hierarchy import LayerLeaf, names_around, shape_of
from compiler.source.library import in_place, is_ours
from compiler.source.plan import ClassPlan
from compiler.source.reserved import RESERVED
from compiler.source.runs import named_run, numbered_name, runs
from compiler.source.spelling import SourceText, call, called, given, refuse_own
from compiler.source.starting import fill


class Building(ClassPlan):
    """The expressions of a class that build something."""

    def made(self, part: ClassPart) -> str:
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
            return self.tensor(leaf, part)
        if id(part.first) in self.frozen:
            text += ".requires_grad_(False)"
        return text + (f".to({device})" if (device := self.device(part)) and self.owns(part) else "")

    def module(self, part: ClassPart) -> str:
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

    def wrapper(self, part: ClassPart) -> str:
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
        inner = [SourceText(f"self.{name}") for name in names]
        shown = replace_arguments(part, inner[:count], dict(zip(part.keywords, inner[count:], strict=True)))
        assert isinstance(leaf, LayerLeaf)
        kwargs = {key: str(text) for key, text in shown.keywords.items()}
        expression = call(
            leaf.invoke,
            leaf.node["operator"],
            [SourceText("x")],
            shown.positional,
            kwargs,
            self.library,
            self.idiom(part),
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
        return f"{name}({', '.join(as_list(text) for text in own.values())})"

    def tensor(self, leaf: LayerLeaf, part: ClassPart) -> str:
        """A parameter or buffer of its own."""
        holder = leaf.holder
        assert holder is not None
        (held,) = holder.held
        value = self.started(holder, held, part, leaf.graph)
        if holder.device and self.root:
            value += f".to({holder.device})"
        if holder.target.kind == "parameter":
            return f"nn.Parameter({value}{', requires_grad=False' if holder.frozen else ''})"
        return f"nn.Buffer({value}{', persistent=False' if holder.target.kind == 'constant' else ''})"

    def started(self, holder: Holder, held: Held, part: ClassPart, graph: Graph) -> str:
        shape = ", ".join(part.positional)
        if holder.target.kind == "constant":
            values, texts = list(map(SourceText, part.positional)), dict(part.keywords)
            found = in_place(holder.target.name, [], values, texts, False)
            assert found is not None
            return found
        start = held.start
        if isinstance(start, Routine):
            return self.routine(start, holder.path.rpartition(".")[2], graph)
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

    def routine(self, routine: Routine, name: str, graph: Graph) -> str:
        """A tensor of no others, as one expression, or as a call of a function that works it out."""
        values: dict[Any, SourceText] = {}
        uses = Counter(ref for step in routine.invoked() for ref in step.operands)
        lines: list[str] = []
        for step in routine.invoked():
            target = step.target
            node = graph.nodes[step.layer]
            read = [values[ref.layer, ref.output] for ref in step.operands]
            if target.kind in ("constant", "source"):
                args = [SourceText(literal(value)) for value in target.args]
                kwargs = {name: literal(value) for name, value in target.kwargs.items()}
                like = [] if target.kind == "constant" else [SourceText("LIKE")]
                text = in_place(target.name, like, args, kwargs, False)
                assert text is not None
                text = text.replace(", device=LIKE.device", "").replace("LIKE.dtype", "torch.float32")
            else:
                shapes = [shape_of(graph, (ref.layer, ref.output)) for ref in step.operands]
                text = call(
                    step,
                    node["operator"],
                    read,
                    [SourceText(literal(a)) for a in target.args],
                    {k: literal(v) for k, v in target.kwargs.items()},
                    self.library,
                    node["operator"].idiom(*shapes),
                )
            if (len(text) > 40 and step.operands) or any(uses[ref] > 1 for ref in step.results):
                said = names_around(graph, step.layer).get((step.layer, 0), "")
                free = said.isidentifier() and said not in RESERVED and f"    {said} = " not in "\n".join(lines)
                variable = said if free else f"{node['op']}_{len(lines) + 1}"
                lines.append(f"    {variable} = {text}")
                text = variable
            for ref in step.results:
                values[ref.layer, ref.output] = SourceText(
                    f"{SourceText(text).atom}[{ref.output}]" if step.listed else text
                )
        ref = routine.results[0].ref
        text = SourceText(values[ref.layer, ref.output])
        result = f"{text.atom}.contiguous()" if graph.nodes[ref.layer]["operator"].view else text
        if not lines:
            return result
        if len(lines) == 1 and lines[0].startswith(f"    {text} = "):
            return result.replace(text, SourceText(lines[0].partition(" = ")[2]).atom)
        own = name if name.isidentifier() and name not in RESERVED else "table"
        body = [*lines, f"    return {result}"]
        number = 2
        while own in self.library.lines and self.library.lines[own] != [f"def {own}():", *body]:
            own, number = f"{name}_{number}", number + 1
        self.library.lines[own] = [f"def {own}():", *body]
        return f"{own}()"

    def call_arguments(self, part: ClassPart) -> str:
        template = part.template
        assert template is not None
        texts = []
        by_place = True
        for name in template.parameters:
            text = part.arguments[name]
            if name in template.defaults:
                by_place = False
                if text != template.defaults[name]:
                    texts.append(f"{name}={as_list(text)}")
            else:
                texts.append(as_list(text) if by_place else f"{name}={as_list(text)}")
        return ", ".join(texts)

    def sequence(self, part: ClassPart) -> str:
        """`nn.Sequential` of the parts."""
        return f"nn.Sequential({self.steps(part.parts)})"

    def steps(self, parts: Sequence[ClassPart]) -> str:
        if any(one.condition for one in parts):
            if all(not is_named(one) or one.attribute.isdigit() for one in parts):
                return ", ".join(self.chosen(parts, named=False))
            self.library.imports.add("from collections import OrderedDict")
            return f"OrderedDict([{', '.join(self.chosen(parts, named=True))}])"
        made = [(one.attribute, self.made(one), one.condition) for one in parts]
        names = [name for name, _, _ in made]
        repeated = next((one for one in parts if one.repeated is not None), None)
        numbered = all(
            not is_named(one) or (name.isdigit() if repeated else name == str(i))
            for i, (one, name) in enumerate(zip(parts, names, strict=True))
        )
        if numbered:
            return ", ".join(self.each(parts))
        if repeated is not None:
            named = numbered_name(repeated.attribute)
            if len(parts) > 1 or named is None:
                raise Unsayable(self.template.scopes)
            self.library.imports.add("from collections import OrderedDict")
            if repeated.each is None:
                return f"OrderedDict(({named}, {made[0][1]}) for i in range({repeated.repeat}))"
            variables, table = repeated.each
            row = f"({', '.join(variables)})" if len(variables) > 1 else variables[0]
            return f"OrderedDict(({named}, {made[0][1]}) for i, {row} in enumerate({table}))"
        self.library.imports.add("from collections import OrderedDict")
        run = named_run(made)
        return (
            f"OrderedDict({run})"
            if run
            else f"OrderedDict([{', '.join(f'({literal(name)}, {text})' for name, text, _ in made)}])"
        )

    def each(self, parts: Sequence[ClassPart]) -> list[str]:
        """The items of a list of modules, with comprehensions for what repeats."""
        found: list[str] = []
        for repeated, group in groupby(parts, key=lambda one: one.repeated):
            texts = [self.made(one) for one in group]
            found += runs(texts) if repeated is None else [f"*[{text} for {repeated}]" for text in texts]
        return found

    def pairs(self, parts: Sequence[ClassPart]) -> list[str]:
        """Modules with their names."""
        if any(one.repeated for one in parts):
            raise Unsayable(self.template.scopes)
        return [f"({literal(one.attribute)}, {self.made(one)})" for one in parts]

    def chosen(self, parts: Sequence[ClassPart], named: bool) -> list[str]:
        """The steps of a sequence, of which some are under conditions."""
        found: list[str] = []
        groups = [(c, list(group)) for c, group in groupby(parts, key=lambda one: one.condition)]
        at = 0
        while at < len(groups):
            condition, group = groups[at]
            texts = self.pairs(group) if named else self.each(group)
            at += 1
            if condition is None:
                found += texts
                continue
            others: list[str] = []
            if at < len(groups) and groups[at][0] in (negated(condition), None) and groups[at][0] is not None:
                others = self.pairs(groups[at][1]) if named else self.each(groups[at][1])
                at += 1
            found.append(f"*({listed(texts)} if {condition} else {listed(others)})")
        return found


def listed(items: Sequence[str]) -> str:
    """A list of these; of a comprehension alone, itself."""
    return items[0][1:] if len(items) == 1 and items[0].startswith("*[") else f"[{', '.join(items)}]"


def as_list(text: str) -> str:
    """A tuple as a list: of things that are many, not of one that has sides."""
    if text.startswith("(") and text.endswith(")") and "," in text and not text.startswith("(("):
        return f"[{text[1:-1].removesuffix(',')}]"
    return text.replace("(", "[").replace(")", "]").replace(",]", "]") if text.startswith("((") else text


def is_named(part: ClassPart) -> bool:
    leaf = part.leaf
    return leaf is None or leaf.named or bool(leaf.holder and leaf.holder.held) or part.attribute.isdigit()


def replace_arguments(part: ClassPart, positional: Sequence[SourceText], keywords: dict[str, SourceText]) -> ClassPart:
    return ClassPart(part.items, part.attribute, None, part.arguments, tuple(positional), dict(keywords), part.reads)
