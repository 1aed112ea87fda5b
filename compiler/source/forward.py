"""Writes what runs: the forward pass of a class."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from archdsl.dims import Dim, Floor, Quotient
from archdsl.graph import header
from archdsl.instances.explanations import negated
from archdsl.instances.written import literal
from compiler.source.hierarchy import CalledScope, LayerLeaf
from compiler.source.layout import WIDTH
from compiler.source.plan import ClassPlan
from compiler.source.reserved import RESERVED
from compiler.source.spelling import SourceText, call, is_infix
from compiler.source.templates import Canonical, ClassPart

DEEPEST: Final = 3  # calls within calls
LONGEST: Final = 64  # characters of what stands within another call


class Unsayable(Exception):
    """Scopes in which something cannot be said: they are to be opened."""

    def __init__(self, scopes: Sequence[CalledScope]) -> None:
        super().__init__()
        self.scopes = scopes


class Forward:
    """A forward pass while it is written.

    `values` are the expressions that stand for tensors, `pending` those that are not written yet, in the order in which
    they are to be computed: each is used once, by what comes.
    """

    def __init__(self, plan: ClassPlan) -> None:
        self.plan = plan
        self.template = plan.template
        self.tree = plan.tree
        self.parts = plan.template.parts
        self.values: dict[Canonical, SourceText] = {}
        self.depth: dict[Canonical, int] = {}
        self.pending: list[Canonical] = []
        self.lines: list[str] = []
        self.indent = ""
        self.holds: dict[str, Canonical] = {}  # what each variable holds
        self.joined: dict[Canonical, frozenset[Canonical]] = {}  # what stands for one thing, by conditions
        self.shared: dict[frozenset[Canonical], str] = {}  # the variable of each of these
        self.whole: dict[int, str] = {}  # what holds all results of a part
        self.copies: dict[tuple[Canonical, str], SourceText] = {}
        self.uses: dict[Canonical, list[int]] = defaultdict(list)
        self._look()

    def _look(self) -> None:
        """Who reads what, and what conditions choose from."""
        self._find_identities()
        columns = [(n, column) for n, part in enumerate(self.parts) for column in part.reads]
        columns += [(len(self.parts), column) for column in self.returns]
        for n, column in columns:
            choice = frozenset(one for one in column if one is not None)
            for one in choice:
                self.uses[one].append(n)
            if len(choice) > 1:
                for one in choice:
                    choice |= self.joined.get(one, frozenset())
                for one in choice:
                    self.joined[one] = choice
        self.taken_whole = self._wholes()

    def _find_identities(self) -> None:
        """Modules of which those that are not there may be identities: nobody asks then whether they are."""
        self.parts = tuple(replace(part) for part in self.template.parts)
        self.returns = self.template.returns
        for n, part in enumerate(self.parts):
            if part.condition is None or not self.plan.is_optional(self.template.parts[n]) or len(part.reads) != 1:
                continue
            if part.leaf is not None and (part.leaf.invoke is None or part.leaf.invoke.target.kind != "module"):
                continue
            result, given = ("part", n, 0), self._one(part.reads[0])
            if given is None or (given[0] == "part" and self.parts[given[1]].condition is not None):
                continue
            columns = [column for later in self.parts for column in later.reads] + list(self.returns)
            choices = [set(column) - {None} for column in columns if result in column]
            if choices != [{result, given}] * len(choices) or self._region(part):
                continue

            def settled(column: Any, result: Canonical = result) -> Any:
                return tuple(one and result for one in column) if result in column else column

            part.condition = None
            for later in self.parts:
                later.reads = tuple(settled(column) for column in later.reads)
            self.returns = tuple(settled(column) for column in self.returns)
            self.plan.identities.add(part.attribute)

    def _wholes(self) -> set[int]:
        """The parts with several results that are passed on as one."""
        found = set()
        for n, part in enumerate(self.parts):
            results = [("part", n, k) for k in range(len(part.first.results))]
            if len(results) > 1 and not any(one in self.joined for one in results):
                users = {user for one in results for user in self.uses[one]}
                if users and all(self._takes_whole(user, results) for user in users):
                    found.add(n)
        return found

    def _takes_whole(self, user: int, results: Sequence[Canonical]) -> bool:
        if user == len(self.parts):
            return [self._one(column) for column in self.returns] == list(results)
        part = self.parts[user]
        if isinstance(part.first, LayerLeaf):
            return False
        at = 0
        told = 0
        for argument in part.first.arguments:
            here = [self._one(column) for column in part.reads[at : at + len(argument.refs)]]
            at += len(argument.refs)
            if argument.listed and here == list(results):
                told += 1
            elif any(one in results for one in here):
                return False
        return told > 0

    @staticmethod
    def _one(column: Sequence[Canonical | None]) -> Canonical | None:
        choice = {one for one in column if one is not None}
        return choice.pop() if len(choice) == 1 else None

    # --- the method

    def write(self) -> list[str]:
        names = self._arguments()
        body_start = len(self.lines)
        self._run(range(len(self.parts)))
        self._return()
        lines = [f"    def forward({', '.join(['self', *names])}):", *self._doc()]
        return [*lines, *(f"        {line}" for line in self.lines[body_start:])]

    def _arguments(self) -> list[str]:
        scope = self.template.scopes[0]
        names: list[str] = []
        for a, argument in enumerate(scope.arguments):
            name = argument.name if argument.name.isidentifier() else ""
            for other in (name, "x", "y", "z", "w", *(f"x{i}" for i in range(1, 99))):
                if other and other not in names and other not in RESERVED - {"input"}:
                    name = other
                    break
            names.append(name)
            for j in range(len(argument.refs)):
                canonical = ("in", a, j if argument.listed else None)
                self.values[canonical] = SourceText(f"{name}[{j}]" if argument.listed else name)
                if not argument.listed:
                    self.holds[name] = canonical
            if argument.listed:
                self.holds[name] = ("in", a, -1)
        self.names = names
        return names

    def _doc(self) -> list[str]:
        return [f"        {line}" for line in self.plan.shapes] if self.plan.root else []

    # --- parts in a row

    def _run(self, numbers: Sequence[int]) -> None:
        current: tuple[str | None, bool] = (None, False)
        at = 0
        while at < len(numbers):
            n = numbers[at]
            part = self.parts[n]
            region = self._region(part)
            if self._stands(n, part):
                at += 1
                continue
            wanted = (part.condition, self._trains(part))
            if wanted != current:
                self._flush()
                if wanted != (None, False):
                    self._defaults(n, numbers, wanted)
                self._begin(wanted, current)
                current = wanted
            if region is None:
                self._part(n, part)
                at += 1
                continue
            members = [n]
            while at + len(members) < len(numbers) and self._region(self.parts[numbers[at + len(members)]]) == region:
                members.append(numbers[at + len(members)])
            self._recomputed(members)
            at += len(members)
        if current != (None, False):
            self._flush()
            self.indent = ""
        self.lines = shortened(self.lines)

    def _trains(self, part: ClassPart) -> bool:
        return self.plan.root and part.node["phase"] == "train"

    def _region(self, part: ClassPart) -> Any:
        found = tuple(self.tree.regions.get(id(item)) for item in part.items)
        return found if any(found) else None

    def _begin(self, wanted: tuple[str | None, bool], before: tuple[str | None, bool]) -> None:
        self.indent = ""
        condition, train = wanted
        if wanted == (None, False):
            return
        if condition is not None and before[0] is not None and negated(condition) == before[0] and train == before[1]:
            self.lines.append("else:")
        else:
            said = ["self.training"] if train else []
            said += [self._asked(condition)] if condition is not None else []
            self.lines.append(f"if {' and '.join(said)}:")
        self.indent = "    "

    def _asked(self, condition: str) -> str:
        """A condition of the constructor, as the forward pass asks for it."""
        for part in self.plan.modules:
            if part.condition == condition and self.plan.is_optional(part):
                return f"{self.plan.places.access(part.attribute)} is not None"
        return self._stored(condition, flag=True)

    def _stored(self, text: str, flag: bool = False) -> str:
        """What a constructor knows, kept for the forward pass."""
        columns = self.template.columns
        bound = {name.strip() for line in columns.set_up for name in line.split(" = ")[0].split(",")}
        known = set(columns.used) | bound
        used = [name for name in re.findall(r"(?<![\w.\"])[A-Za-z_]\w*", text) if name in known]
        for name in used:
            own = self._attribute(name)
            self.plan.stored.setdefault(own, name)
        return re.sub(
            r"(?<![\w.\"])[A-Za-z_]\w*",
            lambda found: f"self.{self._attribute(found[0])}" if found[0] in known else found[0],
            text,
        )

    def _attribute(self, name: str) -> str:
        """The attribute that keeps a parameter: its name, unless a module has it."""
        return name if name not in self.plan.places.children("") else f"{name}_"

    # --- one part

    def _stands(self, n: int, part: ClassPart) -> bool:
        """Note what needs no step: a tensor of the class's own, or a layer that never works."""
        leaf = part.leaf
        if leaf is None:
            return False
        if leaf.invoke is None:
            return True
        if self.plan.is_tensor(leaf):
            path = part.attribute
            self.values["part", n, 0] = SourceText(self.plan.places.access(path))
            self.depth["part", n, 0] = 0
            return True
        return False

    def _part(self, n: int, part: ClassPart) -> None:
        columns = list(part.reads)
        needed = [self._read(column, n) for column in columns]
        waiting = [one for one in dict.fromkeys(needed) if one in self.pending]
        moved = self._copied(n, part, needed)
        if waiting and (moved or waiting != self.pending[-len(waiting) :] or self._sizes_wanted(part)):
            self._flush()
            waiting = []
        if self._sizes_wanted(part):
            self._flush()
        texts = [self._text(one, part, column) for one, column in zip(needed, columns, strict=True)]
        text = self._expression(n, part, texts)
        if waiting and len(text) > LONGEST and (is_infix(text) or ")." in text):
            self._flush()
            waiting = []
            texts = [self._text(one, part, column) for one, column in zip(needed, columns, strict=True)]
            text = self._expression(n, part, texts)
        for one in waiting:
            self.pending.remove(one)
        depth = 1 + max((self.depth.get(one, 0) for one in waiting), default=0)
        results = [("part", n, k) for k in range(len(part.first.results))]
        listed = isinstance(part.first, LayerLeaf) and part.first.node["operator"].several
        if len(results) > 1 or listed:
            self._flush()
            self._assign_several(n, part, results, text)
            return
        result = results[0]
        last = self.uses[result] == [len(self.parts)] and not self._region(part)
        long = (depth > DEEPEST or len(text) > LONGEST) and not last
        if result in self.joined or len(self.uses[result]) != 1 or long:
            self._flush()
            self._assign(n, part, result, text)
            return
        self.values[result] = SourceText(text)
        self.depth[result] = depth
        self.pending.append(result)

    def _read(self, column: Sequence[Canonical | None], n: int) -> Canonical:
        """What a part reads: one thing, or what a condition has chosen, which is in the variable of all of them."""
        choice = [one for one in column if one is not None]
        return choice[0]

    def _text(self, one: Canonical, part: ClassPart, column: Sequence[Canonical | None] = ()) -> SourceText:
        if one[0] == "weight":
            path = one[1]
            owner, _, weight = path.rpartition(".")
            return SourceText(
                f"{self.plan.places.access(owner)}.{weight}"
                if owner in self.plan.places.attributes
                else f"self.get_parameter({literal(path)})"
            )
        if self._one(column) is None and one in self.joined and self.joined[one] in self.shared and column:
            text = SourceText(self.shared[self.joined[one]])
        else:
            text = self.values[one]
        device = self.plan.device(part)
        if device is not None and self._home(one) != device:
            return self.copies.get((one, device), SourceText(f"{text.atom}.to(self.{device})"))
        return text

    def _home(self, one: Canonical) -> str | None:
        return self.parts[one[1]].node["device"] if one[0] == "part" else None

    def _copied(self, n: int, part: ClassPart, needed: Sequence[Canonical]) -> bool:
        """Copy to a device what several read there. Whether anything was written."""
        device = self.plan.device(part)
        if device is None:
            return False
        wrote = False
        for one in dict.fromkeys(needed):
            if one[0] == "weight" or self._home(one) == device or (one, device) in self.copies:
                continue
            readers = [
                user for user in self.uses[one] if user < len(self.parts) and self.parts[user].node["device"] == device
            ]
            if len(set(readers)) > 1:
                self._flush()
                text = self._text(one, part)
                name = self._free(f"{self._base(one)}_on_{device}")
                self.lines.append(f"{self.indent}{name} = {text}")
                self.copies[one, device] = SourceText(name)
                self.holds[name] = one
                wrote = True
        return wrote

    def _base(self, one: Canonical) -> str:
        text = self.values[one]
        return text if text.isidentifier() else "x"

    def _expression(self, n: int, part: ClassPart, texts: Sequence[SourceText]) -> str:
        first = part.first
        places = self.plan.places
        if isinstance(first, CalledScope):
            return f"{places.access(part.attribute)}({', '.join(self._grouped(part, texts))})"
        assert first.invoke is not None
        target, operator = first.invoke.target, first.node["operator"]
        idiom = self.plan.idiom(part)
        if target.kind == "module":
            if self.plan.is_functional(part) and first.use == 1 and idiom is not None:
                fields = {name: self._stored(text) for name, text in part.arguments.items()}
                return idiom.format(*texts, args=[], **fields)
            module = places.access(part.attribute)
            if idiom is not None and "{module}" in idiom:
                return idiom.format(*texts, module=module)
            return f"{module}({', '.join(texts)})"
        args = [self._argument(value, n) for value in part.positional]
        kwargs = {name: str(self._argument(value, n)) for name, value in part.keywords.items()}
        if target.kind == "source":
            texts = [self._like(part)]
        return call(first.invoke, operator, texts, args, kwargs, self.plan.library, idiom)

    def _grouped(self, part: ClassPart, texts: Sequence[SourceText]) -> list[str]:
        """The arguments of a call: tensors, and lists of them, as one where one thing holds them all."""
        first = part.first
        assert isinstance(first, CalledScope)
        found: list[str] = []
        at = 0
        for argument in first.arguments:
            here = texts[at : at + len(argument.refs)]
            columns = [self._one(column) for column in part.reads[at : at + len(argument.refs)]]
            at += len(argument.refs)
            if not argument.listed:
                found.append(here[0])
                continue
            found.append(self._list(columns, here))
        return found

    def _list(self, columns: Sequence[Canonical | None], texts: Sequence[SourceText]) -> str:
        one = columns[0]
        if one is not None and one[0] == "in" and one[2] == 0:
            argument = self.template.scopes[0].arguments[one[1]]
            if columns == [("in", one[1], j) for j in range(len(argument.refs))]:
                return self.names[one[1]]
        if (
            one is not None
            and one[0] == "part"
            and one[1] in self.whole
            and len(columns) == len(self.parts[one[1]].first.results)
        ):
            return self.whole[one[1]]
        return f"[{', '.join(texts)}]"

    def _like(self, part: ClassPart) -> SourceText:
        """A tensor where something is made: an input of floating-point numbers."""
        scope = self.template.scopes[0]
        for a, argument in enumerate(scope.arguments):
            for j, ref in enumerate(argument.refs):
                node = self.tree.graph.nodes[ref[0]]
                if node["dtypes"][ref[1]] == "float32":
                    return self._text(("in", a, j if argument.listed else None), part)
        if self.plan.root:
            for owned in self.plan.modules:
                for leaf in owned.first.leaves():
                    if leaf.holder is not None and any(held.weight.dtype == "float32" for held in leaf.holder.held):
                        path = next(held.path for held in leaf.holder.held if held.weight.dtype == "float32")
                        return SourceText(f"self.get_parameter({literal(path)})" if True else "")
        raise Unsayable(self.template.scopes)

    # --- sizes that are known only now

    def _sizes_wanted(self, part: ClassPart) -> bool:
        return any(isinstance(value, tuple) for value in (*part.positional, *part.keywords.values()))

    def _argument(self, value: Any, n: int) -> SourceText:
        if isinstance(value, tuple):
            there = [(i, one) for i, one in enumerate(value) if self.parts[n].items[i] is not None]
            return SourceText(self._said(there))
        return SourceText(self._stored(value))

    def _said(self, values: Sequence[tuple[int, Any]]) -> str:
        """An argument with open sizes, said alike in all instances."""
        first = values[0][1]
        if isinstance(first, (tuple, list)):
            if any(not isinstance(one, (tuple, list)) or len(one) != len(first) for _, one in values):
                raise Unsayable(self.template.scopes)
            items = [self._said([(i, one[k]) for i, one in values]) for k in range(len(first))]
            run = self._shape_run(values, first)
            return run or f"({', '.join(items)}{',' * (len(items) == 1)})"
        if not isinstance(first, Dim):
            if any(one != first for _, one in values):
                raise Unsayable(self.template.scopes)
            return literal(first)
        text = self._size(values)
        if text is None:
            raise Unsayable(self.template.scopes)
        return text

    def _known(self) -> list[tuple[Canonical, SourceText]]:
        found = [(one, text) for one, text in self.values.items() if one not in self.pending and one not in self.joined]
        return [
            (one, text)
            for one, text in found
            if (text.isidentifier() and self.holds.get(text) == one) or ("[" in text and one[0] == "in")
        ]

    def _shape_run(self, values: Sequence[tuple[int, Any]], first: Sequence[Any]) -> str | None:
        """Several sizes as those that end a shape: `x.shape[2:]`."""
        for one, text in self._known():
            shapes = [self._shape(one, i) for i, _ in values]
            if all(
                shape is not None and tuple(shape[-len(first) :]) == tuple(value) and len(shape) > len(first)
                for shape, (_, value) in zip(shapes, values, strict=True)
            ):
                return f"{text}.shape[{len(shapes[0]) - len(first)}:]"
        return None

    def _shape(self, one: Canonical, i: int) -> Any:
        for ref, canonical in self.template.canonical[i].items():
            if canonical == one:
                return self.tree.shape(ref)
        return None

    def _size(self, values: Sequence[tuple[int, Any]], strength: int = 0) -> str | None:
        if all(isinstance(value, int) for _, value in values) and len({value for _, value in values}) == 1:
            return str(values[0][1])
        if not all(isinstance(value, Dim) for _, value in values):
            return None
        for one, text in self._known():
            shapes = [self._shape(one, i) for i, _ in values]
            if any(shape is None for shape in shapes):
                continue
            for d in range(min(map(len, shapes))):
                if all(shape[d] == value for shape, (_, value) in zip(shapes, values, strict=True)):
                    return f"{text}.shape[{d}]"
        return self._worked_out(values, strength)

    def _worked_out(self, values: Sequence[tuple[int, Any]], strength: int) -> str | None:
        terms = [list(value.terms) for _, value in values]
        if len({len(one) for one in terms}) != 1:
            return None
        if len(terms[0]) > 1:
            parts = []
            for k in range(len(terms[0])):
                part = self._size([(i, _term(own[k])) for (i, _), own in zip(values, terms, strict=True)], 1)
                if part is None:
                    return None
                parts.append(part)
            text = " + ".join(parts)
            return f"({text})" if strength else text
        factors = {coefficient for ((_, coefficient),) in terms}
        lengths = {len(monomial) for ((monomial, _),) in terms}
        if len(factors) != 1 or len(lengths) != 1:
            return None
        factor, length = factors.pop(), lengths.pop()
        if factor == 1 and length == 1:
            return self._atom(
                [(i, monomial[0]) for (i, _), ((monomial, _),) in zip(values, terms, strict=True)], strength
            )
        parts = [str(factor)] if factor != 1 else []
        for k in range(length):
            part = self._size(
                [(i, Dim({(monomial[k],): 1})) for (i, _), ((monomial, _),) in zip(values, terms, strict=True)], 2
            )
            if part is None:
                return None
            parts.append(part)
        text = " * ".join(parts)
        return f"({text})" if strength > 1 else text

    def _atom(self, atoms: Sequence[tuple[int, Any]], strength: int) -> str | None:
        first = atoms[0][1]
        if isinstance(first, Floor) and all(isinstance(a, Floor) and a.divisor == first.divisor for _, a in atoms):
            inner = self._size([(i, a.numerator) for i, a in atoms], 1)
            text = None if inner is None else f"{inner} // {first.divisor}"
        elif isinstance(first, Quotient) and all(a == first for _, a in atoms):
            inner = self._size([(i, Dim({(first.symbol,): 1})) for i, _ in atoms], 1) or self._read_size(first.symbol)
            text = None if inner is None else f"{inner} // {first.classes.step}"
        elif isinstance(first, str) and all(a == first for _, a in atoms):
            return self._read_size(first)
        else:
            return None
        return f"({text})" if text is not None and strength > 1 else text

    def _read_size(self, symbol: str) -> str | None:
        """A symbol, read from the size of an input of the network."""
        if not self.plan.root:
            return None
        for reading in self.tree.assembly.training.readings:
            if reading.symbol == symbol:
                names = header(self.tree.graph)["inputs"]
                if self.holds.get(self.names[names.index(reading.feed)]) != ("in", names.index(reading.feed), None):
                    return None
                size = f"{self.names[names.index(reading.feed)]}.shape[{reading.dim}]"
                if reading.offset != 0:
                    offset = self._size([(0, reading.offset)], 1)
                    size = f"({size} - {offset})"
                return f"{size} // {reading.factor}" if reading.factor != 1 else size
        return None

    # --- variables

    def _flush(self) -> None:
        """Give names to all that is pending."""
        waiting, self.pending = self.pending, []
        for i, one in enumerate(waiting):
            self.pending = waiting[i + 1 :]
            self._assign(one[1], self.parts[one[1]], one, self.values[one])
        self.pending = []

    def _assign(self, n: int, part: ClassPart, one: Canonical, text: str) -> None:
        name = self._variable(n, part, one)
        self.lines.append(f"{self.indent}{name} = {text}")
        self.values[one] = SourceText(name)
        self.depth[one] = 0
        self.holds[name] = one

    def _assign_several(self, n: int, part: ClassPart, results: Sequence[Canonical], text: str) -> None:
        if n in self.taken_whole:
            name = self._free(self._label(part) if part.attribute else "x", n)
            name = self._whole_name(n, part, name)
            self.lines.append(f"{self.indent}{name} = {text}")
            self.whole[n] = name
            for k, one in enumerate(results):
                self.values[one] = SourceText(f"{name}[{k}]")
                self.depth[one] = 0
            self.holds[name] = results[0]
            return
        names = []
        for one in results:
            if not self.uses[one]:
                names.append("_")
                continue
            name = self._variable(n, part, one)
            names.append(name)
            self.values[one] = SourceText(name)
            self.depth[one] = 0
            self.holds[name] = one
        self.lines.append(f"{self.indent}{', '.join(names)}{',' * (len(names) == 1)} = {text}")

    def _whole_name(self, n: int, part: ClassPart, otherwise: str) -> str:
        """A list goes on in its variable, where nobody needs the old one."""
        if isinstance(part.first, CalledScope) and len(part.first.arguments) == 1 and part.first.arguments[0].listed:
            column = self._one(part.reads[0]) if part.reads else None
            if column is not None and column[0] == "in":
                name = self.names[column[1]]
                if all(
                    max(self.uses.get(("in", column[1], j), [0]), default=0) <= n
                    for j in range(len(part.first.arguments[0].refs))
                ):
                    return name
            if column is not None and column[0] == "part" and column[1] in self.whole:
                last = max(
                    use
                    for k in range(len(self.parts[column[1]].first.results))
                    for use in self.uses[("part", column[1], k)] or [0]
                )
                if last <= n:
                    return self.whole[column[1]]
        return otherwise

    def _last(self, one: Canonical) -> int:
        if one[0] == "in" and one[2] == -1:
            listed = self.template.scopes[0].arguments[one[1]]
            return max((self._last(("in", one[1], j)) for j in range(len(listed.refs))), default=0)
        if one[0] == "part" and one[1] in self.whole:
            results = len(self.parts[one[1]].first.results)
            return max((max(self.uses[("part", one[1], k)], default=0) for k in range(results)), default=0)
        everyone = self.joined.get(one, frozenset({one}))
        return max((max(self.uses[other], default=0) for other in everyone), default=0)

    def _is_free(self, name: str, n: int) -> bool:
        if name in RESERVED or name in self.plan.names.values():
            return False
        return name not in self.holds or (
            self._last(self.holds[name]) <= n and name not in self.shared.values() and not self._copied_name(name)
        )

    def _copied_name(self, name: str) -> bool:
        return name in self.copies.values()

    def _free(self, wanted: str, n: int = -1) -> str:
        name, number = wanted, 2
        while name in RESERVED or not self._is_free(name, n):
            name, number = f"{wanted}{number}", number + 1
        return name

    def _label(self, part: ClassPart) -> str:
        name = part.attribute.rpartition(".")[2]
        if not name.isidentifier() or (part.leaf is not None and not part.leaf.named):
            name = part.node["op"] if part.leaf is not None else "x"
        return name.lower() if name.lower().isidentifier() else "x"

    def _variable(self, n: int, part: ClassPart, one: Canonical) -> str:
        """The name of a tensor: the spec's; else that of what it is made from, where that is not needed any more."""
        if one in self.joined:
            group = self.joined[one]
            if group not in self.shared:
                self.shared[group] = self._free(
                    next(
                        (
                            name
                            for other in sorted(group, key=str)
                            if other[0] == "part" and (name := self._own_name(other))
                        ),
                        "x",
                    ),
                    n,
                )
            return self.shared[group]
        name = self._own_name(one)
        if name is not None and self._is_free(name, n):
            return name
        towards = self._towards(one)
        if towards is not None and self._is_free(towards, n):
            return towards
        for column in part.reads:
            source = self._one(column)
            if source is None:
                continue
            holding = self._holding(source)
            if holding is not None and self._last(source) <= n and self._is_free(holding, n):
                if self.plan.root and source[0] == "in" and self._is_free("x", n):
                    return "x"
                return holding
        for short in ("x", "y", "z"):
            if self._is_free(short, n):
                return short
        return self._free(self._label(part), n)

    def _holding(self, one: Canonical) -> str | None:
        return next((name for name, held in self.holds.items() if held == one), None)

    def _own_name(self, one: Canonical) -> str | None:
        """What the spec calls a tensor."""
        for scope, table in zip(self.template.scopes, self.template.canonical, strict=True):
            ref = next((ref for ref, canonical in table.items() if canonical == one), None)
            if ref is not None and scope.written is not None and ref in scope.written.names:
                return scope.written.names[ref]
        return None

    def _towards(self, one: Canonical) -> str | None:
        """What the spec calls what a chain ends in."""
        outputs = {result.name for result in self.tree.assembly.training.results} if self.plan.root else set()
        while True:
            users = self.uses[one]
            if len(users) != 1 or users[0] >= len(self.parts) or one in self.joined:
                return None
            user = self.parts[users[0]]
            if len(user.reads) != 1 or len(user.first.results) != 1:
                return None
            one = ("part", users[0], 0)
            name = self._own_name(one)
            if name is not None:
                return None if name in outputs else name

    # --- conditions

    def _defaults(self, n: int, numbers: Sequence[int], wanted: tuple[str | None, bool]) -> None:
        """Before a condition: what its variables hold where it does not hold."""
        for m in numbers[numbers.index(n) :]:
            part = self.parts[m]
            if (part.condition, self._trains(part)) != wanted and not self._stands_only(part):
                break
            for k in range(len(part.first.results)):
                group = self.joined.get(("part", m, k))
                if group is None or group in self.shared:
                    continue
                always = [one for one in group if one[0] != "part" or self.parts[one[1]].condition is None]
                always = [one for one in always if one in self.values]
                if not always:
                    self._variable(m, part, ("part", m, k))
                    continue
                default = max(always, key=lambda one: one[1] if one[0] == "part" else -1)
                others = [use for use in self.uses[default] if use > m and use not in self._choosers(group)]
                holding = self._holding(default)
                if (holding is not None and not others and len(always) == 1 and self._own_name(default) is None) or (
                    holding is not None and not others and default[0] == "part"
                ):
                    self.shared[group] = holding
                    continue
                name = self._variable(m, part, ("part", m, k))
                self.lines.append(f"{name} = {self.values[default]}")
                self.holds[name] = ("part", m, k)

    def _stands_only(self, part: ClassPart) -> bool:
        return part.leaf is not None and (part.leaf.invoke is None or self.plan.is_tensor(part.leaf))

    def _choosers(self, group: frozenset[Canonical]) -> set[int]:
        columns = [(n, column) for n, part in enumerate(self.parts) for column in part.reads]
        columns += [(len(self.parts), column) for column in self.returns]
        return {n for n, column in columns if len({one for one in column if one is not None} & group) > 1}

    # --- regions

    def _recomputed(self, members: Sequence[int]) -> None:
        """Parts whose activations are not kept."""
        first = self.parts[members[0]]
        buffers = any(
            held.weight.role == "buffer"
            for n in members
            for leaf in self.parts[n].first.leaves()
            if leaf.holder
            for held in leaf.holder.held
        )
        if (
            len(members) == 1
            and not self.plan.is_functional(first)
            and (first.leaf is None or (first.leaf.holder is not None and first.leaf.holder.target.kind == "module"))
        ):
            self._flush()
            n = members[0]
            texts = [self._text(self._read(column, n), first, column) for column in first.reads]
            given = self._grouped(first, texts) if isinstance(first.first, CalledScope) else list(texts)
            module = self.plan.places.access(first.attribute)
            results = [("part", n, k) for k in range(len(first.first.results))]
            text = self._checkpoint(module, given, module if buffers else None)
            idiom = self.plan.idiom(first)
            if not (idiom and "{module}" in idiom):
                if len(results) == 1 and not (first.leaf is not None and first.leaf.node["operator"].several):
                    self._assign(n, first, results[0], text)
                else:
                    self._assign_several(n, first, results, text)
                return
        self._region_function(members, buffers)

    def _checkpoint(self, function: str, given: Sequence[str], owner: str | None) -> str:
        if owner is None:
            self.plan.library.imports.add("from torch.utils.checkpoint import checkpoint")
            return f"checkpoint({', '.join([function, *given, 'use_reentrant=False'])})"
        name = self.plan.library.add("compiler.source.recompute.recompute")
        return f"{name}({', '.join([function, *given, f'owner={owner}'])})"

    def _region_function(self, members: Sequence[int], buffers: bool) -> None:
        self._flush()
        inside = set(members)
        enters = dict.fromkeys(
            one
            for n in members
            for column in self.parts[n].reads
            for one in column
            if one is not None
            and one[0] != "weight"
            and not (one[0] == "part" and (one[1] in inside or self._stands_only(self.parts[one[1]])))
        )
        leaves = [
            ("part", n, k)
            for n in members
            for k in range(len(self.parts[n].first.results))
            if any(use not in inside for use in self.uses["part", n, k])
        ]
        names: dict[str, None] = dict.fromkeys(self.values[one].split("[")[0] for one in enters)
        function = self._free("region")
        outer, self.lines = self.lines, []
        held = dict(self.holds)
        indent, self.indent = self.indent, ""
        for n in members:
            if not self._stands(n, self.parts[n]):
                self._part(n, self.parts[n])
        self._flush_all(leaves)
        body = self.lines
        returned = ", ".join(self.values[one] for one in leaves)
        self.lines, self.indent = outer, indent
        self.lines.append(f"{indent}def {function}({', '.join(names)}):")
        self.lines += [f"{indent}    {line}" for line in [*body, f"return {returned}"]]
        self.lines.append("")
        text = self._checkpoint(function, list(names), "self" if buffers else None)
        targets = ", ".join(self.values[one] for one in leaves)
        self.lines.append(f"{indent}{targets} = {text}")
        self.holds = {**held, **{name: one for name, one in self.holds.items() if one in leaves}}

    def _flush_all(self, wanted: Iterable[Canonical]) -> None:
        self._flush()

    # --- the end

    def _return(self) -> None:
        results = [self._read(column, len(self.parts)) for column in self.returns]
        trains = [one[0] == "part" and self._trains(self.parts[one[1]]) for one in results]
        if any(trains) or len(results) > 1 or (results[0] in self.pending and len(self.pending) > 1):
            order = [one for one in dict.fromkeys(results) if one in self.pending]
            if any(trains) or order != self.pending:
                self._flush()
        wholes = [n for n in self.whole if [("part", n, k) for k in range(len(self.parts[n].first.results))] == results]
        if wholes:
            self.lines.append(f"return {self.whole[wholes[0]]}")
            return
        texts = [self._returned(one, column) for one, column in zip(results, self.returns, strict=True)]
        if any(trains):
            self.lines += ["if self.training:", f"    return {', '.join(texts)}"]
            texts = [text for text, train in zip(texts, trains, strict=True) if not train]
        self.lines.append(f"return {', '.join(texts)}")

    def _returned(self, one: Canonical, column: Sequence[Canonical | None]) -> str:
        if one[0] == "weight":
            raise Unsayable(self.template.scopes)
        if self._one(column) is None and one in self.joined and self.joined[one] in self.shared:
            return self.shared[self.joined[one]]
        return self.values[one]


def shortened(lines: Sequence[str]) -> list[str]:
    """A value that one line changes under a condition, as a conditional expression."""
    found: list[str] = []
    at = 0
    while at < len(lines):
        three = [*lines[at : at + 3], ""]
        default = re.fullmatch(r"(\w+) = ([\w.]+)", three[0])
        condition = re.fullmatch(r"if (.*):", three[1])
        inner = re.fullmatch(rf"    {default[1]} = (.*)", three[2]) if default and len(three) > 3 else None
        following = lines[at + 3] if at + 3 < len(lines) else ""
        if (
            default
            and condition
            and inner
            and not following.startswith((" ", "else"))
            and "training" not in condition[1]
        ):
            then = re.sub(rf"(?<![\w.]){default[1]}(?!\w)", default[2], inner[1])
            line = f"{default[1]} = {then} if {condition[1]} else {default[2]}"
            if condition[1].endswith(" is not None"):
                line = f"{default[1]} = {default[2]} if {condition[1].removesuffix(' is not None')} is None else {then}"
            if len(line) <= WIDTH - 8:
                found.append(line)
                at += 3
                continue
        found.append(lines[at])
        at += 1
    return found


def _term(term: tuple[Any, int]) -> Any:
    monomial, coefficient = term
    return Dim({monomial: coefficient}) if monomial else coefficient
