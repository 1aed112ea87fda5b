"""The tree of modules of a program that was read, as bodies of parts: values by number inside each module."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Final

from archdsl.dims import Dim
from archdsl.importing.constants import constant
from archdsl.importing.program import Missing, ModuleScope, NotImported
from archdsl.importing.reading import Placed, ReadProgram
from archdsl.importing.tables import Table
from archdsl.ops import OPERATORS, parameter_table
from archdsl.ops.foreign import ForeignOperand, ForeignTensor, Made, Unreadable
from archdsl.ops.kinds import Factors, Integers, Sizes
from archdsl.recovery.parts import BodyPart, GivenTensor, OneOf, PartRef, RecoveredBody, Several, without

SEQUENCE: Final = "torch.nn.modules.container.Sequential"
TORCH: Final = re.compile(r"torch\.nn\.modules\.(?!container)")
SMALL: Final = 3  # operators in a module without weights that needs no block of its own


@dataclass(eq=False)
class Leaf:
    """An operator in a module. `path` is where its weights are, `name` that of the value it makes."""

    name: str
    made: Made
    operands: list[str]
    named: dict[str, str]
    path: str | None
    shape: tuple[Any, ...]
    hint: str | None


@dataclass(eq=False)
class Tree:
    """A module's call: what is done in it, in order."""

    scope: ModuleScope
    children: list[Leaf | Tree] = field(default_factory=list)
    numbers: Mapping[str, Any] | None = None  # of what is no module: those that tell it from others

    def leaves(self) -> Iterator[Leaf]:
        for child in self.children:
            if isinstance(child, Tree):
                yield from child.leaves()
            else:
                yield child


def body_of(reading: ReadProgram) -> RecoveredBody:
    """The whole program as a body, with a part for each module that has its own. Raises `NotImported`."""
    planted = _Planting(reading)
    root = planted.root
    for _ in range(64):
        if not _pruned(root):
            break
    return _Bodies(reading, root, planted.outputs, planted.shapes).body()


class _Planting:
    """Puts operators into the tree of modules; each nested one is a leaf of its own."""

    def __init__(self, reading: ReadProgram) -> None:
        self.root = Tree(ModuleScope("", reading.program.name))
        self.shapes: dict[str, tuple[Any, ...]] = {value.name: value.shape for value in reading.program.inputs}
        self.kept: dict[tuple[str, str], str] = {}  # weights that are tensors, by the module where they are read
        self.count = 0
        self.owned = {path: placed for placed in reading.placed for path in [_owner(placed.made)] if path}
        self.used: set[str] = set()
        self.twice: dict[str, int] = {}
        for placed in reading.placed:
            self._plant(placed)
        if self.twice:
            raise NotImported(
                [Missing("a weight", "used by several layers at once", path, n) for path, n in self.twice.items()]
            )
        self.outputs = [self._operand(output, self.root, placed=None) for output in reading.outputs]

    def _tree(self, scopes: tuple[ModuleScope, ...], own: str | None) -> Tree:
        """The tree of the innermost module that is a block of its own."""
        tree = self.root
        for scope in scopes:
            if scope.path == "" and tree is self.root:
                tree.scope = replace(tree.scope, cls=scope.cls)
                continue
            if scope.path in self.owned and scope.path:
                break
            found = next(
                (
                    c
                    for c in tree.children
                    if isinstance(c, Tree) and (c.scope.path, c.scope.call) == (scope.path, scope.call)
                ),
                None,
            )
            if found is None:
                found = Tree(scope)
                tree.children.append(found)
            tree = found
        return tree

    def _plant(self, placed: Placed) -> None:
        tree = self._tree(placed.scopes, _owner(placed.made))
        self._leaf(placed.made, tree, placed, placed.value.name)

    def _leaf(self, made: Made, tree: Tree, placed: Placed, name: str) -> str:
        operands = [self._operand(one, tree, placed) for one in made.inputs]
        path = _owner(made)
        if path is not None:
            self.twice.update({path: self.twice.get(path, 1) + 1} if path in self.used else {})
            self.used.add(path)
        named = (
            {} if path is not None else {own: self._operand(value, tree, placed) for own, value in made.weights.items()}
        )
        last = name == placed.value.name
        shape = placed.value.shape if last else ()
        self.shapes[name] = shape
        tree.children.append(Leaf(name, made, operands, named, path, shape, placed.hint if last else None))
        return name

    def _operand(self, one: ForeignOperand, tree: Tree, placed: Placed | None) -> str:
        """The name of a tensor: made before, or on the spot."""
        if isinstance(one, Made):
            assert placed is not None
            self.count += 1
            return self._leaf(one, tree, placed, f"%{self.count}")
        if one.state is not None:
            key = (one.state, tree.scope.path)
            if key not in self.kept:
                self.count += 1
                self.kept[key] = name = f"%{self.count}"
                tree.children.append(self._tensor(one, name, tree))
                self.shapes[name] = one.shape
            return self.kept[key]
        if one.content is not None:
            try:
                made = constant(one)
            except Unreadable as error:
                raise NotImported([Missing("a constant", str(error), tree.scope.path, 1)]) from None
            if isinstance(made, Table):
                tree.children.append(own := Tree(ModuleScope(tree.scope.path, made.name), numbers=made.numbers))
                tree = own
            name = self._constant(made, tree, {})
            self.shapes[name] = one.shape
            return name
        return one.name

    def _constant(self, made: Made, tree: Tree, known: dict[int, str]) -> str:
        """The name of a constant, worked out step by step; what is used twice is one step."""
        if id(made) not in known:
            operands = [self._constant(one, tree, known) for one in made.inputs if isinstance(one, Made)]
            self.count += 1
            known[id(made)] = name = f"%{self.count}"
            tree.children.append(Leaf(name, made, operands, {}, None, (), None))
            self.shapes[name] = ()
        return known[id(made)]

    def _tensor(self, value: ForeignTensor, name: str, tree: Tree) -> Leaf:
        """A weight that is a tensor of its own; one of integers starts as zeros of that type."""
        if value.dtype == "float32":
            kind = "parameter" if value.trained else "buffer"
            return Leaf(name, Made(kind, {"shape": list(value.shape)}), [], {}, value.state, value.shape, None)
        if value.dtype not in ("int64", "bool"):
            raise NotImported([Missing("a buffer", f"of the type {value.dtype}", value.state or "", 1)])
        self.count += 1
        zeros = f"%{self.count}"
        sizes = {"sizes": list(value.shape), "dtype": value.dtype}
        tree.children.append(Leaf(zeros, Made("zeros", sizes), [], {}, None, value.shape, None))
        return Leaf(name, Made("buffer"), [zeros], {}, value.state, value.shape, None)


def _owner(made: Made) -> str | None:
    """The path of the module that an operator's weights belong to, where it has all of them under their names."""
    if not made.weights:
        return None
    whole = any(not isinstance(said, str) and hasattr(said, "cls") for said in OPERATORS[made.operator].reads)
    paths = set()
    for name, value in made.weights.items():
        if value.state is None:
            return None
        path, _, last = value.state.rpartition(".")
        if last != name and not whole:
            return None
        paths.add(path)
    return paths.pop() if len(paths) == 1 else None


def _pruned(tree: Tree) -> bool:
    """Put what modules do that need no block of their own into the module around them. Whether anything changed."""
    changed = False
    children: list[Leaf | Tree] = []
    for child in tree.children:
        if isinstance(child, Tree):
            changed |= _pruned(child)
            if _dissolves(child):
                children += child.children
                changed = True
                continue
            if not child.children:
                changed = True
                continue
        children.append(child)
    tree.children = children
    return changed


def _dissolves(tree: Tree) -> bool:
    """Whether a module is no more than what it does: a layer of torch, or some operators without weights."""
    if any(isinstance(child, Tree) for child in tree.children):
        return False
    weighted = any(leaf.path is not None for leaf in tree.leaves())
    return bool(TORCH.match(tree.scope.cls)) or (
        not weighted and len(tree.children) <= SMALL and tree.scope.cls != SEQUENCE
    )


class _Bodies:
    """Trees as bodies."""

    def __init__(
        self, reading: ReadProgram, root: Tree, outputs: list[str], shapes: Mapping[str, tuple[Any, ...]]
    ) -> None:
        self.reading = reading
        self.root = root
        self.outputs = outputs
        self.shapes = shapes
        self.readers: dict[str, list[Leaf]] = {}
        for leaf in root.leaves():
            for name in (*leaf.operands, *leaf.named.values()):
                self.readers.setdefault(name, []).append(leaf)

    def body(self) -> RecoveredBody:
        return self._body(self.root, [value.name for value in self.reading.program.inputs])[0]

    def _body(self, tree: Tree, given: list[str]) -> tuple[RecoveredBody, list[str], list[str]]:
        """A module's body, the names of what it is given, those that are known first, and of what it gives."""
        mine = {id(leaf) for leaf in tree.leaves()}
        where: dict[str, PartRef] = {name: GivenTensor(i) for i, name in enumerate(given)}
        parts: list[BodyPart] = []

        def ref(name: str) -> PartRef:
            if name not in where:
                where[name] = GivenTensor(len(given))
                given.append(name)
            return where[name]

        for child in tree.children:
            if isinstance(child, Leaf):
                operands = [ref(name) for name in child.operands]
                named = {own: ref(name) for own, name in child.named.items()}
                where[child.name] = self._place(child, operands, parts, named, tree)
            else:
                body, takes, gives = self._body(child, self._sized(child, where))
                operands = [ref(name) for name in takes]
                label = None if child.numbers is not None else _relative(child.scope.path, tree.scope.path)
                parts.append(_module(child, body, operands, label))
                number = len(parts) - 1
                parts[number].rank = len(self.shapes.get(gives[0], ())) if gives else None
                for i, name in enumerate(gives):
                    where[name] = number if len(gives) == 1 else OneOf(number, i)
        if tree is self.root:
            gives = self.outputs
        else:
            outside = {name for name, found in self.readers.items() if any(id(reader) not in mine for reader in found)}
            gives = [leaf.name for leaf in tree.leaves() if leaf.name in outside or leaf.name in self.outputs]
        shapes = [[tuple(self.shapes.get(name, ()))] for name in given]
        numbers = self.reading.program.seeds.get(tree.scope.path, {}) if tree.numbers is None else tree.numbers
        body = RecoveredBody(
            parts, [ref(name) for name in gives], shapes, tree.scope.cls, [tree.scope.path],
            {key: [value] for key, value in numbers.items()},
        )  # fmt: skip
        if tree is self.root:
            only = {ref for i, ref in enumerate(body.outputs) if i in self.reading.program.only_training}
            parts = [replace(part, trains=self._trains(part) or i in only) for i, part in enumerate(parts)]
            body = replace(body, parts=parts)
        return gathered(body), given, gives

    def _sized(self, tree: Tree, known: Iterable[str]) -> list[str]:
        """What a module is given first where it says an open size: a tensor that has it, one of those that are known
        outside if it takes none."""
        leaves = list(tree.leaves())
        sizes = {size for leaf in leaves for value in leaf.made.parameters.values() for size in _open(value)}
        if not sizes:
            return []
        own = {leaf.name for leaf in leaves}
        taken = [name for leaf in leaves for name in (*leaf.operands, *leaf.named.values()) if name not in own]
        having = (name for name in (*taken, *known) if set(self.shapes.get(name, ())[:1]) & sizes)
        return list(islice(having, 1))

    def _trains(self, part: BodyPart) -> bool:
        """Whether a part has weights of which inference uses none."""
        used = self.reading.program.in_inference
        if used is None or not part.weighted or part.name in ("parameter", "buffer"):
            return False
        path = part.labels[0] or ""
        return path not in used and not any(one.startswith(f"{path}.") for one in used)

    def _place(
        self, leaf: Leaf, operands: list[PartRef], parts: list[BodyPart], named: dict[str, PartRef], tree: Tree
    ) -> PartRef:
        made = leaf.made
        if not made.operator:  # one of several outputs
            whole = operands[0]
            assert isinstance(whole, (int, GivenTensor))
            return OneOf(whole, made.parameters["index"])
        columns = {key: [_plain(made.operator, key, value)] for key, value in _arguments(made).items()}
        label = _relative(leaf.path, tree.scope.path) if leaf.path is not None else None
        part = BodyPart(
            "operator", made.operator, [label], columns, operands, named, hint=leaf.hint, rank=len(leaf.shape)
        )
        part.weighted = leaf.path is not None
        if made.operator in VIEWS and leaf.shape:
            part.wider = ("reshape", {"shape": [_shape(leaf.shape)]})
        parts.append(part)
        return len(parts) - 1


VIEWS: Final = ("flatten", "unflatten", "reshape")  # each is the last, too


def _shape(shape: tuple[Any, ...]) -> list[Any]:
    """A shape as `reshape` takes it."""
    alone = sum(isinstance(size, Dim) for size in shape) == 1
    return [-1 if alone and isinstance(size, Dim) else size for size in shape]


UNTOLD: Final = ("init", "bias_init")  # how weights start, which a graph does not tell


def _arguments(made: Made) -> dict[str, Any]:
    """An operator's arguments, with the defaults of those that were not given."""
    table = parameter_table(OPERATORS[made.operator])
    defaults = {name: one.default for name, one in table.items() if not one.required and name not in UNTOLD}
    return defaults | {name: value for name, value in made.parameters.items() if name in table}


def _open(value: Any) -> Iterator[Dim]:
    """The open sizes among an argument."""
    yield from (size for size in (value if isinstance(value, (list, tuple)) else [value]) if isinstance(size, Dim))


def _relative(path: str, base: str) -> str:
    if not base:
        return path
    if not path.startswith(f"{base}."):
        raise NotImported([Missing("a weight", f"used in `{base}`, of which it is no part", path, 1)])
    return path[len(base) + 1 :]


def _plain(operator: str, name: str, value: Any) -> Any:
    """A value as a person writes it: one number for all dimensions; sizes that are open as they are said."""
    kind = parameter_table(OPERATORS[operator])[name].kind
    if isinstance(value, (list, tuple)):
        if isinstance(kind, (Sizes, Factors)) and value and all(one == value[0] for one in value):
            return value[0]
        if isinstance(kind, Integers) and len(value) == 1:
            return value[0]
        return list(value)
    return value


def _module(tree: Tree, body: RecoveredBody, operands: list[PartRef], label: str | None) -> BodyPart:
    weighted = any(part.weighted for part in body.parts)
    sequence = tree.scope.cls == SEQUENCE and chain(body)
    if sequence:
        body = counted(body)
    return BodyPart(
        "sequence" if sequence else "block",
        "" if sequence else tree.scope.cls,
        [label],
        {},
        operands,
        body=body,
        weighted=weighted,
    )


def chain(body: RecoveredBody) -> bool:
    """Whether each part takes what the one before it gives, and nothing else."""
    wanted: PartRef = GivenTensor(0)
    for number, part in enumerate(body.parts):
        if part.operands != [wanted] or part.named:
            return False
        wanted = number
    return len(body.shapes) == 1 and bool(body.parts) and body.outputs == [wanted]


def counted(body: RecoveredBody) -> RecoveredBody:
    """A chain with `identity` for modules that do nothing, where the numbers of the others need them."""
    parts: list[BodyPart] = []
    for part in body.parts:
        label = part.labels[0]
        while part.weighted and label is not None and label.isdigit() and int(label) > len(parts):
            if int(label) - len(parts) > SMALL:
                return body
            parts.append(BodyPart("operator", "identity", [None]))
        parts.append(part)
    chained = [replace(part, operands=[GivenTensor(0) if i == 0 else i - 1]) for i, part in enumerate(parts)]
    return replace(body, parts=chained, outputs=[len(chained) - 1])


def gathered(body: RecoveredBody) -> RecoveredBody:
    """Blocks in a row called `layers.0`, `layers.1` … as braces called `layers`."""
    for start, part in enumerate(body.parts):
        prefix, _, number = (part.labels[0] or "").rpartition(".")
        if not prefix or number != "0" or not part.weighted or len(part.operands) != 1:
            continue
        end = start + 1
        while end < len(body.parts):
            other = body.parts[end]
            follows = other.operands == [end - 1] and not other.named and other.labels[0] == f"{prefix}.{end - start}"
            if not follows or _reads(body, end - 1) > 1:
                break
            end += 1
        if end - start < 2 or _beside(body, prefix, range(start, end)):
            continue
        first = body.parts[start]
        inner = [
            replace(one, labels=[str(k)], operands=[GivenTensor(0) if k == 0 else k - 1])
            for k, one in enumerate(body.parts[start:end])
        ]
        braces = RecoveredBody(inner, [len(inner) - 1], [[()]], "", body.paths)
        whole = BodyPart("sequence", "", [prefix], {}, first.operands, body=braces, weighted=True)
        parts = [*body.parts]
        parts[end - 1] = whole
        changed = replace(body, parts=parts)
        return gathered(without(changed, range(start, end - 1), {}))
    return body


def _beside(body: RecoveredBody, prefix: str, run: range) -> bool:
    """Whether parts that are not of a run have the same beginning, so that no braces can have all."""
    rest = (part.labels[0] or "" for i, part in enumerate(body.parts) if i not in run and part.weighted)
    return any(label.startswith(f"{prefix}.") or label == prefix for label in rest)


def _reads(body: RecoveredBody, number: int) -> int:
    refs = [ref for part in body.parts for ref in (*part.operands, *part.named.values())] + body.outputs
    return sum(_names(ref, number) for ref in refs)


def _names(ref: PartRef, number: int) -> int:
    if isinstance(ref, OneOf):
        return int(ref.whole == number)
    if isinstance(ref, Several):
        return sum(_names(one, number) for one in ref.values)
    return int(ref == number)
