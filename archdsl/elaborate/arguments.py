"""Arguments to parameters: of operators, of blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from archdsl import vocabulary
from archdsl.definitions import TYPES
from archdsl.diagnostics import Fix, Label, counted
from archdsl.dims import Undecided, show
from archdsl.elaborate.faults import Fault
from archdsl.elaborate.tensor import TensorValue
from archdsl.elaborate.values import Context, SharedModule, describe, is_tensors
from archdsl.habits import unknown_parameter
from archdsl.ops import Operator, ShapeError, Weighted, build, parameter_table, parameters
from archdsl.ops._op import signature
from archdsl.ops.assumptions import agree
from archdsl.ops.kinds import ParamError
from archdsl.ops.lent import lend
from archdsl.source import Span
from archdsl.syntax import tree
from archdsl.syntax.unparse import shown


def operator_arguments(
    operator: type[Operator],
    positional: Sequence[Any],
    named: Mapping[str, Any],
    call: tree.Call,
    context: Context,
) -> tuple[Operator, list[TensorValue]]:
    """The operator with its parameters, and its tensor inputs."""
    if operator.kept is not None and positional and isinstance(positional[0], TensorValue):
        operator = operator.kept
    tensors, static = _split(operator, positional, call, context)
    named = dict(named)
    by_name = [name for name in operator.inputs[len(tensors) :] if is_tensors(named.get(name))]
    for name in by_name:
        tensors += _flat(named.pop(name), operator, call, context)
    lent = _lent(operator, named, call, context) if named else {}
    _check_arity(operator, tensors, call, context)
    table, order, required, _ = signature(operator)
    if len(static) == len(order) + 1 and tensors and operator.told is not None:
        _refuse_told(operator, static, tensors[0], call, context)
    if len(static) > len(order):
        raise context.fault(
            "wrong-arity",
            f"`{operator.name}` takes {counted(len(order), 'parameter')} by position,"
            f" found {counted(len(static), 'value')}",
            call.span,
            help=f"{_usage(operator)}; the sizes of the input are taken from the input" if table else None,
        )

    def place(name: str | None) -> Span:
        return _places(call, order, len(static)).get(name or "", call.span)

    values = dict(zip(order, static, strict=False)) | dict(operator.told_by_names(by_name))
    for name, value in named.items():
        if name not in table:
            raise Fault(unknown_parameter(operator.name, name, table, place(name), named, context.blocks))
        if name in values:
            raise context.fault("wrong-arity", f"`{name}` of `{operator.name}` is given twice", place(name))
        values[name] = value
    missing = [name for name in required if name not in values]
    if missing and "weight" not in lent:
        names = " and ".join(f"`{name}`" for name in missing)
        raise context.fault("missing-argument", f"`{operator.name}` needs {names}", call.span, help=_usage(operator))
    for name, value in values.items():
        if isinstance(value, (TensorValue, SharedModule)) or is_tensors(value):
            message = f"`{name}` of `{operator.name}` is a static value, found {describe(value)}"
            raise context.fault("wrong-type", message, place(name))
    try:
        if not lent:
            return build(operator, values), tensors
        shapes = {name: tensor.shape for name, tensor in lent.items()}
        return lend(operator, values, shapes), [*tensors, *lent.values()]
    except ShapeError as error:
        found = lent["weight"]
        labels = (Label(found.origin, show(found.shape)),)
        raise context.fault(error.code, error.message, call.span, labels, help=error.help) from None
    except ParamError as error:
        message = f"`{error.parameter}` of `{operator.name}` {error.reason}"
        raise context.fault("bad-parameter", message, place(error.parameter)) from None
    except Undecided as error:
        raise context.undecided(error, call.span) from None


def _lent(operator: type[Operator], named: dict[str, Any], call: tree.Call, context: Context) -> dict[str, TensorValue]:
    """The tensors that are weights of the layer; they are taken out of what is given by name."""
    lends = operator.lends if issubclass(operator, Weighted) else ()
    found = {name: named.pop(name) for name in lends if isinstance(named.get(name), TensorValue)}
    for name in lends:
        if name in named and name not in parameter_table(operator):
            message = f"`{name}` of `{operator.name}` is a tensor, found {describe(named[name])}"
            help = "give it the weight of another layer, `m.weight` of a `module`, or any other tensor"
            raise context.fault("wrong-type", message, _argument_span(call, name), help=help)
        start = "init" if name == "weight" else "bias_init"
        if name in found and start in named:
            message = f"`{start}` of `{operator.name}` has nothing to start: its {name} is another's"
            raise context.fault("bad-parameter", message, _argument_span(call, start), help=f"leave `{start}` out")
    return found


def _refuse_told(
    operator: type[Operator], static: Sequence[Any], tensor: TensorValue, call: tree.Call, context: Context
) -> None:
    """Refuse a size of the input that is given as it is to torch's module, before what the operator takes."""
    dim = (operator.told or 0) % len(tensor.shape)
    found = tensor.shape[dim]
    if not all(type(value) is int for value in static) or (len(static) != 2 and static[0] != found):
        return
    given = [a.span for a in call.arguments if a.name is None][-len(static) :]
    after = given[1].start if len(given) > 1 else given[0].end
    without = Fix(replace(given[0], end=after), "", f"leave out `{static[0]}`")
    if len(call.arguments) == 1:  # without parentheses
        without = replace(without, span=replace(call.span, start=call.callee.span.end))
    takes = len(static) - 1
    message = (
        f"`{operator.name}` takes {counted(takes, 'parameter')} by position, found {counted(len(static), 'value')}"
    )
    help = f"{_usage(operator)}; the size of the input, {found}, is taken from the input"
    raise context.fault("wrong-arity", message, call.span, help=help, fix=without, sizes=[(tensor, dim)])


def _split(
    operator: type[Operator], positional: Sequence[Any], call: tree.Call, context: Context
) -> tuple[list[TensorValue], list[Any]]:
    """Leading tensors, and the static values after them."""
    if operator.scattered:
        given = [value for value in positional if is_tensors(value)]
        flat = [tensor for value in given for tensor in _flat(value, operator, call, context)]
        return flat, [value for value in positional if not is_tensors(value)]
    tensors: list[TensorValue] = []
    count = 0
    for value in positional:
        if not is_tensors(value):
            break
        tensors += _flat(value, operator, call, context)
        count += 1
    return tensors, list(positional[count:])


def _flat(value: Any, operator: type[Operator], call: tree.Call, context: Context) -> list[TensorValue]:
    if isinstance(value, TensorValue):
        return [value]
    if operator.variadic is None:
        raise context.fault(
            "wrong-type",
            f"`{operator.name}` takes single tensors, found {describe(value)}",
            call.span,
            help="pick one by its index, or join them with `concat` or `add`",
        )
    found: list[TensorValue] = []
    for item in value:
        if not is_tensors(item):
            raise context.fault("wrong-type", f"`{operator.name}` takes tensors, found {describe(item)}", call.span)
        found += _flat(item, operator, call, context)
    return found


def _check_arity(operator: type[Operator], tensors: Sequence[TensorValue], call: tree.Call, context: Context) -> None:
    if operator.variadic is not None:
        if len(tensors) >= operator.variadic:
            return
        wanted = f"at least {counted(operator.variadic, 'tensor')}"
    else:
        least = len(operator.inputs) - operator.optional
        if least <= len(tensors) <= len(operator.inputs):
            return
        wanted = counted(len(operator.inputs), "tensor")
        if operator.optional:
            wanted = f"{least} to {wanted}"
        if len(operator.inputs) > 1:
            wanted += f" ({', '.join(operator.inputs)})"
    written = call.span.text if "\n" not in call.span.text else f"{call.callee.id}(…)"
    alone = not tensors and len(operator.inputs) == 1 and operator.variadic is None
    word = vocabulary.operator(operator.name)  # what else people may mean by it
    help = f"feed it with what it works on: `x -> {written}`" if alone else word.help if word is not None else None
    raise context.fault("wrong-arity", f"`{operator.name}` takes {wanted}, found {len(tensors)}", call.span, help=help)


def _usage(operator: type[Operator]) -> str:
    shown = [p.name if p.required else f"{p.name} = …" for p in parameters(operator)]
    return f"`{operator.name}({', '.join(name for name in shown if 'init' not in name)})`"


def bind_parameters(
    block: tree.Block,
    positional: Sequence[Any],
    named: Mapping[str, Any],
    call: tree.Call,
    context: Context,
) -> dict[str, Any]:
    """Which of a block's parameters are given, and their values; defaults and checks are the caller's."""
    order = [param.name.id for param in block.params]
    if len(positional) > len(order):
        raise context.fault(
            "wrong-arity",
            f"block `{block.name.id}` takes {counted(len(order), 'argument')}, found {len(positional) + len(named)}",
            call.span,
            help=f"`{block.name.id}({', '.join(order)})`",
        )
    values = dict(zip(order, positional, strict=False))
    for name, value in named.items():
        place = _argument_span(call, name)
        if name not in order:
            raise Fault(unknown_parameter(block.name.id, name, order, place, named, context.blocks))
        if name in values:
            raise context.fault("wrong-arity", f"`{name}` of block `{block.name.id}` is given twice", place)
        values[name] = value
    return values


def check_parameter(block: str, param: tree.Param, value: Any, span: Span, context: Context) -> None:
    """A block's parameter against its annotation."""
    name = param.name.id
    if param.shape is not None:
        if not isinstance(value, TensorValue):
            raise context.fault("wrong-type", f"`{name}` of `{block}` is a tensor, found {describe(value)}", span)
    elif param.type is not None:
        wanted = TYPES[param.type.id]
        if not isinstance(value, wanted) or (isinstance(value, bool) and param.type.id != "bool"):
            raise context.fault(
                "wrong-type", f"`{name}` of `{block}` is declared {param.type.id}, found {describe(value)}", span
            )


def match_shape(
    block: str, param: tree.Param, tensor: TensorValue, values: Mapping[str, Any], span: Span, context: Context
) -> dict[str, Any]:
    """The dimensions that a shape annotation names; a fault where the tensor does not have that shape."""
    assert param.shape is not None
    dims = list(param.shape.dims)
    shape = list(tensor.shape)
    gap = next((i for i, dim in enumerate(dims) if isinstance(dim, tree.AnyDims)), None)
    text = shown(param.shape)

    def refuse(detail: str, *dims: int) -> Fault:
        message = f"`{param.name.id}` of `{block}` must have the shape {text}, found {show(tensor.shape)}{detail}"
        labels = (Label(param.span, "the shape is asked for here"),)
        return context.fault("shape-pattern", message, span, labels, sizes=[(tensor, dim) for dim in dims])

    if gap is None:
        if len(shape) != len(dims):
            raise refuse(f": {len(dims)} dimensions, found {len(shape)}")
    else:
        after = len(dims) - gap - 1
        if len(shape) < gap + after:
            raise refuse(f": at least {gap + after} dimensions, found {len(shape)}")
        dims = dims[:gap] + dims[gap + 1 :]
        shape = shape[:gap] + (shape[-after:] if after else [])
    found: dict[str, Any] = {}
    for i, (dim, size) in enumerate(zip(dims, shape, strict=True)):
        if isinstance(dim, tree.Name) and dim.id not in found and dim.id not in values:
            found[dim.id] = size
            continue
        wanted: Any = dim.value if isinstance(dim, tree.Literal) else {**values, **found}.get(getattr(dim, "id", ""))
        if isinstance(wanted, bool) or (not isinstance(wanted, int) and not hasattr(wanted, "terms")):
            raise context.fault("shape-pattern", "a dimension is a name, a number or `...`", dim.span)
        try:
            agrees = agree(wanted, size)
        except Undecided as error:
            raise context.undecided(error, span) from None
        if not agrees:
            at = i if gap is None or i < gap else len(tensor.shape) - len(dims) + i
            refusal = refuse(f": dimension {at} is {size}, not {wanted}", at)
            refusal.wanted = wanted
            refusal.asked = getattr(dim, "id", None)
            if isinstance(dim, tree.Literal):
                fix = Fix(dim.span, str(size), f"write {size} for {wanted} in the shape of `{param.name.id}`")
                refusal.diagnostic = replace(refusal.diagnostic, fix=fix)
            raise refusal
    return found


def argument_fix(block: tree.Block, call: tree.Call, fed: int, fault: Fault) -> Fix | None:
    """The number that a block is told for a size which it sees to be another, put right.

    `fed` is how many of the block's parameters come from elsewhere than the call's arguments.
    """
    positional = [argument for argument in call.arguments if argument.name is None]
    order = [param.name.id for param in block.params][fed:]
    given = dict(zip(order, positional, strict=False)) | {a.name: a for a in call.arguments if a.name is not None}
    argument = given.get(fault.asked or "")
    if argument is None or not isinstance(argument.value, tree.Literal):
        return None
    ((tensor, dim),) = fault.sizes
    size = tensor.shape[dim]
    return Fix(argument.value.span, str(size), f"write {size} for {argument.value.value} as `{fault.asked}`")


def _places(call: tree.Call, order: Sequence[str], static: int) -> dict[str, Span]:
    """Where each parameter is given: the last positional arguments are the static ones."""
    positional = [a.span for a in call.arguments if a.name is None]
    found = dict(zip(order, positional[len(positional) - static :], strict=False))
    return found | {a.name: a.span for a in call.arguments if a.name is not None}


def _argument_span(call: tree.Call, name: str) -> Span:
    return next((a.span for a in call.arguments if a.name == name), call.span)
