"""What an operator must answer. Nothing here or in any operator imports torch."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, ClassVar, Final, Literal, NamedTuple

from archdsl.dims import Dim, Shape, Size, Undecided, numbers, show, symbols
from archdsl.ops.assumptions import agree
from archdsl.ops.deferred import deferred_dataclass
from archdsl.ops.dtypes import FLOATING, GIVEN, TAKEN
from archdsl.ops.foreign import ForeignOperand, Made, Reads, Whole
from archdsl.ops.initialiser import Initialiser
from archdsl.ops.kinds import MAX_INT, Choice, Init, Kind, ParamError, Sizes
from archdsl.ops.sight import Sees, Slide, pointwise
from archdsl.ops.strides import RULES, Laid, Lies, Strides


class ShapeError(Exception):
    """The operator does not fit its inputs. `code` is a key of the catalogue.

    `culprits` are the inputs to blame: their positions, or (position, dimension) where one size is at fault, whose
    origin a reader wants to know. `instead` are parameters with which it would fit, where one value is nearest.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "shape-mismatch",
        help: str | None = None,
        culprits: Sequence[int | tuple[int, int]] = (),
        instead: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.help = help
        self.culprits = tuple(dict.fromkeys(c if isinstance(c, int) else c[0] for c in culprits))
        self.sizes = tuple(c for c in culprits if not isinstance(c, int))
        self.instead = dict(instead or {})


class Weight(NamedTuple):
    """A parameter or buffer of a layer: its name under the layer's path, and its shape."""

    name: str
    shape: tuple[int, ...]
    role: Literal["weight", "bias", "buffer"] = "weight"
    dtype: str = "float32"
    persistent: bool = True  # in the `state_dict`


@dataclass(frozen=True)
class Target:
    """What computes the operator in torch: a dotted name and its arguments, resolved by the compiler.

    A module is built with `kwargs` and called with the tensors; a function is called with the tensors (as one
    list where `pack`), then `args`, then `kwargs`; a weight is what the layer's module has under this name. A source is
    a function that is called with a tensor first, whose device and precision its result has; a constant is made once,
    and never saved.
    """

    name: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    args: tuple[Any, ...] = ()
    kind: Literal["module", "function", "parameter", "buffer", "weight", "constant", "source"] = "module"
    pack: bool = False


class Example(NamedTuple):
    """A use of the operator: a step, the shapes of its inputs and the shape of its output (or outputs); the types of
    its inputs, where they are not those that it takes by default; and the names under which the last are given."""

    step: str
    inputs: tuple[tuple[int, ...], ...]
    output: tuple[int, ...] | tuple[tuple[int, ...], ...]
    dtypes: tuple[str, ...] = ()
    named: tuple[str, ...] = ()

    def types(self, operator: type[Operator]) -> tuple[str, ...]:
        """The types of its inputs: weights that are given by name are floating-point numbers."""
        alone = len(self.inputs) - len(self.named)
        return self.dtypes or (*operator.default_types(alone), *(FLOATING for _ in self.named))

    def call(self, tensors: Sequence[str]) -> str:
        """The example as a call on tensors of these names."""
        operator, _, rest = self.step.partition("(")
        alone = len(tensors) - len(self.named)
        given = [f"{name} = {tensor}" for name, tensor in zip(self.named, tensors[alone:], strict=True)]
        return f"{operator}({', '.join([*tensors[:alone], *filter(None, [rest.removesuffix(')')]), *given])})"


class Use(NamedTuple):
    """An operator at work: how its inputs lie in memory, the shape of its (first) output, which inputs want a gradient,
    and whether its own weights are trained. `first` says for each input which is the first that is the same tensor.
    Kernels for a GPU and for the CPU may keep different things."""

    inputs: tuple[Laid, ...]
    output: Shape
    wanted: tuple[bool, ...]
    trained: bool
    first: tuple[int, ...]
    hardware: Literal["cuda", "cpu"] = "cuda"
    dtypes: tuple[str, ...] = ()  # of its inputs

    @property
    def shapes(self) -> list[Shape]:
        """The shapes of its inputs."""
        return [laid.shape for laid in self.inputs]

    def others_want(self, position: int) -> bool:
        """Whether an input other than this one wants a gradient."""
        return any(want for i, want in enumerate(self.wanted) if i != position)


class Kept(NamedTuple):
    """What autograd keeps of an operator at work: positions of inputs that are kept as they lie, whether the output is
    kept, how many values that have no other use (copies of inputs, results in between), as precise as the output,
    how many in float32 whatever the precision (statistics), how many truth values, of a byte each, and which outputs
    after the first."""

    inputs: tuple[int, ...] = ()
    output: bool = False
    values: Size = 0
    float32: Size = 0
    flags: Size = 0
    further: tuple[int, ...] = ()


class OperatorParameter(NamedTuple):
    """A parameter of an operator."""

    name: str
    kind: Kind
    doc: str
    default: Any  # REQUIRED where there is none
    positional: bool

    @property
    def required(self) -> bool:
        return self.default is REQUIRED


REQUIRED: Any = MISSING


def param(kind: Kind, doc: str, default: Any = MISSING, *, kw_only: bool = False) -> Any:
    """A parameter of an operator: a dataclass field that knows its kind. A default of None means "not given"."""
    metadata = {"kind": kind, "doc": doc}
    if default is MISSING:
        return field(metadata=metadata, kw_only=kw_only)
    return field(default=default, metadata=metadata, kw_only=kw_only)


OPERATORS: dict[str, type[Operator]] = {}


class Operator:
    """One operator. A subclass is a frozen dataclass whose fields, made with `param`, are its parameters.

    Class attributes
        name: what it is called in a spec.
        group: its colour group in diagrams.
        inputs: names of its tensor inputs; with `variadic`, the last may be given any number of times.
        variadic: None, or the least number of tensors.
        optional: how many of its last inputs may be missing.
        scattered: its parameters may stand before its tensors, as in torch.
        folded: torch's function takes two tensors, so that more are joined two at a time from the left.
        saves: what autograd keeps for backward: any of "input" (the first), "other" (the rest), "crosswise" (each
            input that another's gradient needs), "output", "mask" (a truth value per output element: a byte on a GPU,
            a number on the CPU) and "index" (an int64 per output element).
        for_weights: what it saves serves the gradients of its weights alone, so that a frozen layer keeps nothing.
        gradient: whether the gradients of its inputs are tensors of their own ("new"), the gradient of its output
            itself where they are as large ("same"), or views of that ("part").
        autocast: the precision in which torch.autocast computes it on a GPU: "lower", "float32", or None for that
            of its inputs.
        owns_storage: its output is a weight of its own, no activation.
        view: its output shares the storage of its first input.
        lies: how its output lies in memory: "in order"; "in format", which is channels last where all its inputs are;
            "in plane format", the same in two spatial dimensions and in one taken for a plane; or "elementwise", in
            the order in which its inputs lie.
        gathers: it reads no more of its weights, or of its first input, than it gives back.
        joint: what it reads twice it projects once, so that there is one gradient of it.
        takes: for each input what it holds, a key of `TAKEN` ("floating", "integers", "booleans", "numbers",
            "anything"); the last goes for all further ones.
        gives: for each output, or for all, its type, or how it follows from those of the inputs, a key of `GIVEN`
            ("same" as the first, "promoted", "added up").
        undifferentiated: positions of inputs whose values do not matter, so that no gradient goes back to them.
        elementwise: its inputs have one shape, or broadcast.
        pointwise: an element depends on those at its own place, and on no other: its receptive-field rule.
        placeless: it is made wherever it is read, and so on no device of its own.
        kept: the operator that it is where it is given a tensor to keep.
        told: the size of the input that torch's module takes as its first argument, and that is seen here.
        examples: uses of it, tested against torch.
        reads: the calls of other libraries that are this operator; a text is names of calls with its own parameters.
    """

    name: ClassVar[str]
    group: ClassVar[str]
    inputs: ClassVar[tuple[str, ...]] = ("input",)
    variadic: ClassVar[int | None] = None
    optional: ClassVar[int] = 0
    scattered: ClassVar[bool] = False
    folded: ClassVar[bool] = False
    saves: ClassVar[tuple[str, ...]] = ()
    for_weights: ClassVar[bool] = False
    gradient: ClassVar[Literal["new", "same", "part"]] = "new"
    autocast: ClassVar[Literal["lower", "float32"] | None] = None
    owns_storage: ClassVar[bool] = False
    view: ClassVar[bool] = False
    lies: ClassVar[Lies] = "in order"
    gathers: ClassVar[bool] = False
    joint: ClassVar[bool] = False
    takes: ClassVar[tuple[str, ...]] = ("floating",)
    gives: ClassVar[tuple[str, ...]] = ("same",)
    undifferentiated: ClassVar[tuple[int, ...]] = ()
    elementwise: ClassVar[bool] = False
    pointwise: ClassVar[bool] = False
    placeless: ClassVar[bool] = False
    kept: ClassVar[type[Operator] | None] = None
    told: ClassVar[int | None] = None
    examples: ClassVar[tuple[Example, ...]] = ()
    reads: ClassVar[tuple[str | Reads | Whole, ...]] = ()

    def __init_subclass__(cls, *, group: str | None = None, name: str | None = None) -> None:
        super().__init_subclass__()
        if group is None:  # an abstract class between Operator and the operators
            return
        cls.name = name or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()
        cls.group = group
        if cls.name in OPERATORS:
            raise TypeError(f"operator {cls.name!r} is defined twice")
        OPERATORS[cls.name] = cls

    def infer(self, *inputs: Shape) -> Shape:
        """The shape of the output, the same for the same inputs. Raises `ShapeError` or `Undecided`."""
        raise NotImplementedError

    def infer_all(self, *inputs: Shape) -> tuple[Shape, ...]:
        """The shapes of all outputs; an operator with several overrides this."""
        return (self.infer(*inputs),)

    @staticmethod
    def simpler(made: Made) -> ForeignOperand:
        """What this operator, imported from elsewhere, may be said as where that computes the same."""
        return made

    @classmethod
    def told_by_names(cls, named: Sequence[str]) -> Mapping[str, Any]:
        """Parameters that follow from which optional inputs are given by name."""
        return {}

    def taken(self, position: int) -> str:
        """What it takes as one of its inputs, a key of `TAKEN`."""
        return self.takes[min(position, len(self.takes) - 1)]

    @classmethod
    def default_types(cls, count: int) -> tuple[str, ...]:
        """The types of so many inputs that declare none."""
        last = len(cls.takes) - 1
        return tuple(TAKEN[cls.takes[min(position, last)]][0] for position in range(count))

    def typed(self, inputs: Sequence[str]) -> Operator:
        """The operator for inputs of these types, which are some that it takes: itself, unless they change what it is.
        Raises `ShapeError` for types that do not go together."""
        return self

    def dtypes(self, inputs: Sequence[str]) -> tuple[str, ...]:
        """The types of its outputs, the last for all further ones, for inputs of these types."""
        return tuple(GIVEN[gives](inputs) if gives in GIVEN else gives for gives in self.gives)

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        """The parameters and buffers it owns, in torch's order."""
        return ()

    def macs(self, inputs: Sequence[Shape], output: Shape) -> Size:
        """Multiply-adds of convolution, linear, matmul and attention; 0 for everything else."""
        return 0

    def backward_macs(self, inputs: Sequence[Shape], output: Shape, wanted: Sequence[bool], trainable: bool) -> Size:
        """Multiply-adds of backward: of the gradients of those inputs that want one, and of the weights where they
        are trained. Each gradient of a product is a product of the same size."""
        return self.macs(inputs, output) * (sum(wanted) + trainable)

    def macs_before_last_kept(self, inputs: Sequence[Shape], output: Shape) -> Size:
        """Multiply-adds before the last tensor is there that autograd keeps: a product keeps only what it reads."""
        return 0

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        """Operations of inference beside the multiply-adds: additions, comparisons, functions of single values."""
        return 0

    def kernels(self, inputs: Sequence[Shape]) -> Size:
        """How many kernels run one after another at least: the time that it takes to begin them adds up."""
        return 1

    def also_saves(self, inputs: Sequence[Shape], output: Shape) -> Size:
        """Values kept for backward beside what `saves` names: results in between, as precise as its output."""
        return 0

    def saves_float32(self, inputs: Sequence[Shape], output: Shape) -> Size:
        """Values kept for backward in float32 whatever the precision: statistics."""
        return 0

    def scratch(self, inputs: Sequence[Shape], output: Shape) -> Size:
        """Values that it allocates in forward beside its output, and frees before it is done."""
        return 0

    def scratch_backward(self, inputs: Sequence[Shape], output: Shape) -> Size:
        """Values that it allocates in backward beside the gradients, and frees before it is done."""
        return 0

    def copies(self, use: Use) -> tuple[Size, ...]:
        """For each input the values of the copy that it works on in its place; 0 where it reads what is there."""
        return (0,) * len(use.inputs)

    def keeps(self, use: Use) -> Kept:
        """What autograd keeps, masks and indices aside: what `saves` names, of an input that is copied the copy, and
        what `also_saves` and `saves_float32` say."""
        names = () if self.for_weights and not use.trained else self.saves
        positions = [
            i
            for i in range(len(use.inputs))
            if ("input" if i == 0 else "other") in names or ("crosswise" in names and use.others_want(i))
        ]
        copies = self.copies(use)
        values = self.also_saves(use.shapes, use.output)
        return Kept(
            tuple(i for i in positions if copies[i] == 0),
            "output" in names,
            sum((copies[i] for i in positions), values),
            self.saves_float32(use.shapes, use.output),
        )

    def aliases(self, training: bool) -> bool:
        """Whether its output shares the storage of its first input in this phase."""
        return self.view

    def layout(self, use: Use, output: Shape) -> Strides | None:
        """How an output lies in memory; None where it cannot be the view that it is elsewhere, and is a copy."""
        return RULES[self.lies](use.inputs, output)

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        """The receptive-field rule: what an element of the output depends on of the input with this number.

        None where an operator says nothing: then the receptive fields of what follows are not known.
        """
        return pointwise(inputs[number], output) if self.pointwise else None

    def target(self, *inputs: Shape) -> Target:
        """What computes it in torch, for inputs of these shapes."""
        raise NotImplementedError

    def idiom(self, *inputs: Shape) -> str | None:
        """How people write it in Python where that is not its target as it stands: a format of its inputs (`{0}`, or
        `{0.atom}` where something binds it) and of the target's arguments (by name, or `{args[0]}`). A module that
        people write as a function has one; `{module}` is the module itself, where it is called in a special way."""
        return None

    def built(self, name: str, arguments: dict[str, str]) -> tuple[str, dict[str, str]]:
        """The module that people build, and its arguments as they stand in source: those of the target."""
        return name, arguments

    @property
    def several(self) -> bool:
        """Whether its value is a list of tensors (`chunk`), even if a list of one."""
        return type(self).infer_all is not Operator.infer_all

    @property
    def params(self) -> dict[str, Any]:
        """The parameters that say what it computes, by name, defaults included."""
        return {p.name: getattr(self, p.name) for p in parameters(type(self))}


@deferred_dataclass
class Weighted(Operator):
    """An operator with weights, whose start can be chosen.

    `takes_default_init` says whether a network's own choice reaches it: a norm starts as the identity all the same.
    `lends` names the weights that may be lent to it, tensors that it is given instead of owning them, see
    `archdsl.ops.lent`; `keeps_weights` those of them that autograd keeps; `weight_places` says which dimension
    of such a weight is which of the output.
    """

    takes_default_init: ClassVar[bool] = True
    lends: ClassVar[tuple[str, ...]] = ()
    keeps_weights: ClassVar[tuple[str, ...]] = ()
    weight_places: ClassVar[Mapping[str, tuple[int, int]]] = {}

    init: Initialiser | None = param(Init(), "how the weight starts; torch's default if not given", None, kw_only=True)
    bias_init: Initialiser | None = param(
        Init(), "how the bias starts; 0 where `init` is given, else torch's default", None, kw_only=True
    )

    @classmethod
    def told_by(cls, weight: Shape, given: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters that a weight which is lent tells by its shape, beside those that are `given`. Raises
        `ShapeError`."""
        return {}

    def sees_weight(self, name: str, weight: Shape, output: Shape) -> Sees:
        """The receptive-field rule of a weight that is lent: an element depends on all of it, but for its place in one
        dimension."""
        dim, to = self.weight_places.get(name, (-1, 0))
        return tuple(Slide(to % len(output)) if i == dim else None for i in range(len(weight)))


_BUILT: dict[Any, Operator] = {}
MAX_BUILT = 4096


class Signature(NamedTuple):
    """What may be given to an operator: its parameters by name, in the order in which they may be given; the names of
    those that may be given without them, and of those without a default; and the bare words that they take
    (`padding = same`)."""

    parameters: dict[str, OperatorParameter]
    by_position: tuple[str, ...]
    required: tuple[str, ...]
    words: frozenset[str]


_SIGNATURES: dict[type[Operator], Signature] = {}


def signature(operator: type[Operator]) -> Signature:
    """The signature of an operator."""
    known = _SIGNATURES.get(operator)
    if known is not None:
        return known
    found = [
        OperatorParameter(f.name, f.metadata["kind"], f.metadata["doc"], f.default, not f.kw_only)
        for f in fields(operator)  # type: ignore[arg-type]
        if "kind" in f.metadata
    ]
    found.sort(key=lambda p: not p.positional)
    made = _SIGNATURES[operator] = Signature(
        {p.name: p for p in found},
        tuple(p.name for p in found if p.positional),
        tuple(p.name for p in found if p.required),
        frozenset(name for p in found if isinstance(p.kind, (Choice, Sizes, Init)) for name in p.kind.names),
    )
    return made


def parameters(operator: type[Operator]) -> Collection[OperatorParameter]:
    """The parameters of an operator, in the order in which they may be given."""
    return signature(operator).parameters.values()


def parameter_table(operator: type[Operator]) -> dict[str, OperatorParameter]:
    """The parameters of an operator by name, in the order in which they may be given."""
    return signature(operator).parameters


def words(operator: type[Operator]) -> frozenset[str]:
    """The bare words that an operator's parameters take (`padding = same`)."""
    return signature(operator).words


def build(operator: type[Operator], values: Mapping[str, Any]) -> Operator:
    """The operator with these parameters. Raises `ParamError` naming the parameter, and `Undecided`."""
    # Networks repeat themselves. Types are part of the key, since `true` and 1.0 equal 1 but are no sizes.
    key = (operator, *values, *values.values(), *map(type, values.values()))
    try:
        built = _BUILT.get(key)
    except TypeError:  # a list
        return _build(operator, values)
    if built is None:
        built = _build(operator, values)
        if len(_BUILT) < MAX_BUILT:
            _BUILT[key] = built
    return built


def _build(operator: type[Operator], values: Mapping[str, Any]) -> Operator:
    table = parameter_table(operator)
    parsed = {}
    for name, value in values.items():
        try:
            parsed[name] = table[name].kind.parse(value)
        except ParamError as error:
            raise ParamError(error.reason, name) from None
        except Undecided as error:
            raise Undecided(f"{error.question} of `{name}`", error.symbols) from None
    return operator(**parsed)


# --- pieces that many shape rules share -------------------------------------------------------------------------


def known(size: Size, what: str) -> int:
    """A size that must be a number."""
    if isinstance(size, Dim):
        raise Undecided(f"{what} ({size})", symbols(size))
    return size


def rank_between(operator: Operator, shape: Shape, low: int, high: int, form: str) -> None:
    if not low <= len(shape) <= high:
        raise ShapeError(f"`{operator.name}` needs an input of shape {form}, found {show(shape)}", code="wrong-rank")


def spatial(operator: Operator, name: str, rank: int) -> tuple[int, ...]:
    """A parameter of kind `Sizes`, one value for each spatial dimension."""
    value = getattr(operator, name)
    if not isinstance(value, tuple):
        return (value,) * rank
    if len(value) != rank:
        raise ShapeError(
            f"`{name}` of `{operator.name}` needs 1 value or a list of {rank}, found {len(value)}: {show(value)}",
            code="bad-parameter",
        )
    return tuple(value)


MOST_CHOICES: Final = 8


def divisors(*sizes: int) -> list[int]:
    """The divisors of all sizes, the least first; none where they are so large that nobody waits for them."""
    common = math.gcd(*sizes)
    if common > MAX_INT // 2**10:
        return []
    small = [d for d in range(1, math.isqrt(common) + 1) if common % d == 0]
    return sorted({*small, *(common // d for d in small)})


def divisor_near(wanted: int, *sizes: int) -> int | None:
    """The divisor of all sizes that is nearest to a number; None where two are."""
    ranked = sorted(divisors(*sizes), key=lambda d: abs(d - wanted))
    tied = len(ranked) > 1 and abs(ranked[0] - wanted) == abs(ranked[1] - wanted)
    return ranked[0] if ranked and not tied else None


def choose(name: str, numbers: Sequence[int], what: str) -> str:
    """The help that names the numbers a parameter may be, or the other way out: another number of something."""
    some = [number for number in numbers if number > 1]
    shown = some if len(some) <= MOST_CHOICES else [*some[: MOST_CHOICES - 1], some[-1]]
    among = f"choose {name} from {', '.join(map(str, shown))}, or " if some else "choose "
    return f"{among}another number of {what}"


def extent(kernel: int, dilation: int) -> int:
    """How many positions a kernel covers."""
    return kernel if dilation == 1 else dilation * (kernel - 1) + 1


def smallest(sizes: Sequence[Size]) -> int | None:
    """The smallest of sizes, where all are known and none is empty."""
    found = numbers(sizes)
    return min(found) if found and min(found) > 0 else None


def index_dim(dim: int, rank: int, what: str) -> int:
    """A dimension counted from either end, as one counted from the start."""
    if not -rank <= dim < rank:
        raise ShapeError(f"{what} {dim} is out of range for {rank} dimensions", code="bad-parameter")
    return dim % rank


def same(a: Size, b: Size) -> bool:
    """`agree`, fast for numbers."""
    return a == b if isinstance(a, int) and isinstance(b, int) else agree(a, b)
