"""The tree of modules of a program that was read, as bodies of parts: values by number inside each module."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any, Final

from archdsl.dims import Dim
from archdsl.importing.planting import SEQUENCE, SMALL, Leaf, Planting, Tree, pruned
from archdsl.importing.program import Missing, NotImported
from archdsl.importing.reading import ReadProgram
from archdsl.ops import OPERATORS, Weighted, parameter_table
from archdsl.ops.foreign import Made
from archdsl.ops.kinds import Factors, Integers, Sizes
from archdsl.recovery.parts import BodyPart, GivenTensor, OneOf, PartRef, RecoveredBody, Several, without


def body_of(reading: ReadProgram) -> RecoveredBody:
    """The whole program as a body, with a part for each module that has its own. Raises `NotImported`."""
    planted = Planting(reading)
    root = planted.root
    for _ in range(64):
        if not pruned(root):
            break
    return _Bodies(reading, root, planted.outputs, planted.shapes).body()


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
        told = _told(made) if leaf.named else set()
        arguments = {key: value for key, value in _arguments(made).items() if key not in told}
        columns = {key: [_plain(made.operator, key, value)] for key, value in arguments.items()}
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


def _told(made: Made) -> set[str]:
    """What a weight that is lent tells of a layer."""
    operator, weight = OPERATORS[made.operator], made.weights.get("weight")
    if weight is None or weight.state is None or not issubclass(operator, Weighted):
        return set()
    return set(operator.told_by(weight.shape, made.parameters))


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
