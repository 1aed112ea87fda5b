"""Compares two elaborated networks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from archdsl.compare.computed import computed
from archdsl.compare.difference import Change, Difference, LayerDiff, Side
from archdsl.compare.matching import LayerPair, match, same_value
from archdsl.dims import each_in_symbols
from archdsl.graph import Graph, Layer, header, layer, layers, live, operands, serialise
from archdsl.measure.network.analyse import analyse
from archdsl.measure.network.growth import last_window
from archdsl.measure.network.report import Report, Row
from archdsl.ops import Operator, parameters
from archdsl.ops.kinds import Init, literal
from archdsl.outline.naming import names

MAX_FORMULA = 300  # characters of a loss
MARKS = ("device", "phase", "frozen", "checkpoint", "dtype")


def compare(a: Graph, b: Graph) -> Difference:
    """What is added, removed and changed from `a` to `b`, layer by layer, and what that costs.

    Layers correspond by what they are and where they stand as well as by path, so that a layer put in between does
    not change all that follows, and renamed or moved ones are recognised. Batch symbols count as 1.
    """
    report_a, report_b = analyse(a), analyse(b)
    name_a, name_b = names((a, b))
    pairs = match(a, b)
    rows_a, rows_b = _by_path(report_a), _by_path(report_b)
    order = _out_of_order(pairs, list(rows_a))
    read_a, read_b = _Reads(a, pairs, 0), _Reads(b, pairs, 1)
    phases = live(a, training=False), live(b, training=False)
    found = []
    for number, (key_a, key_b) in enumerate(pairs):
        if key_a is None or key_b is None:
            found.append(
                LayerDiff(
                    a=None if key_a is None else rows_a[key_a],
                    b=None if key_b is None else rows_b[key_b],
                    step_a="" if key_a is None else step(layer(a, key_a)["operator"]),
                    step_b="" if key_b is None else step(layer(b, key_b)["operator"]),
                )
            )
            continue
        before, after = operands(a, key_a), operands(b, key_b)
        rewired = read_a.of(before) != read_b.of(after)
        found.append(
            LayerDiff(
                a=rows_a[key_a],
                b=rows_b[key_b],
                step_a=step(layer(a, key_a)["operator"]),
                step_b=step(layer(b, key_b)["operator"]),
                changes=tuple(_changed(a, b, key_a, key_b, phases)),
                inputs=Change("inputs", _named(a, operands(a, key_a)), _named(b, operands(b, key_b)))
                if rewired
                else None,
                shape=_unless_same("shape", rows_a[key_a].shape, rows_b[key_b].shape),
                weights=tuple(_weights(layer(a, key_a), layer(b, key_b))),
                moved=number in order and rewired,
            )
        )
    interface = [*_interface(a, b, report_a, report_b), *_outputs(a, b, read_a, read_b), *_losses(a, b)]
    return Difference(_side(name_a, a, report_a), _side(name_b, b, report_b), tuple(found), tuple(interface))


def step(operator: Operator) -> str:
    """An operator as a spec says it: what must be given, then what differs from its default; not how weights start."""
    said = []
    for parameter in parameters(type(operator)):
        value = getattr(operator, parameter.name)
        if parameter.required:
            said.append(literal(value))
        elif not isinstance(parameter.kind, Init) and not same_value(value, parameter.default):
            said.append(f"{parameter.name} = {literal(value)}")
    said += [f"{name} = …" for name in getattr(operator, "lent", ())]
    return operator.name + (f"({', '.join(said)})" if said else "")


def _changed(a: Graph, b: Graph, key_a: str, key_b: str, inference: tuple[set[str], set[str]]) -> Iterable[Change]:
    """What was said of a layer otherwise, where that makes a difference. `inference` are the layers that it needs, of
    both networks: the others are there in training only, marked or not."""
    x, y = layer(a, key_a), layer(b, key_b)
    if x["op"] != y["op"]:
        yield Change("operator", step(x["operator"]), step(y["operator"]))
    else:
        differs = [name for name in {**x["params"], **y["params"]}
                   if not same_value(x["params"].get(name), y["params"].get(name))]  # fmt: skip
        if differs and computed(a, key_a) == computed(b, key_b):
            differs = [name for name in differs if name in _starting(x["operator"])]
        for name in differs:
            yield Change(name, x["params"].get(name), y["params"].get(name))
    if ("#" in key_a) != ("#" in key_b):  # a further use of a layer that stands elsewhere
        yield Change("weights", "shared" if "#" in key_a else "own", "shared" if "#" in key_b else "own")
    marks_a: Mapping[str, Any] = {**x, "phase": "both" if key_a in inference[0] else "train"}
    marks_b: Mapping[str, Any] = {**y, "phase": "both" if key_b in inference[1] else "train"}
    for name in MARKS:
        if marks_a[name] != marks_b[name]:
            yield Change(name, marks_a[name], marks_b[name])


def _starting(operator: Operator) -> set[str]:
    """The parameters that say how weights start."""
    return {parameter.name for parameter in parameters(type(operator)) if isinstance(parameter.kind, Init)}


def _named(graph: Graph, reads: Iterable[tuple[str, int]]) -> tuple[str, ...]:
    """Tensors by the layers that make them, and by their number where a layer makes several."""
    return tuple(
        producer if len(layer(graph, producer)["outputs"]) == 1 else f"{producer}[{output}]"
        for producer, output in reads
    )


def _weights(a: Layer, b: Layer) -> Iterable[Change]:
    shapes_a, shapes_b = ({w.name: w.shape for w in node["weights"]} for node in (a, b))
    for name in {**shapes_a, **shapes_b}:
        found = _unless_same(name, shapes_a.get(name), shapes_b.get(name))
        if found is not None:
            yield found


def _interface(a: Graph, b: Graph, report_a: Report, report_b: Report) -> Iterable[Change]:
    head_a, head_b = header(a), header(b)
    everything = (
        ("inputs", *(", ".join(report.typed_inputs) for report in (report_a, report_b))),
        ("outputs", *(", ".join(_outputs_of(report)) for report in (report_a, report_b))),
        ("devices", ", ".join(head_a["devices"]), ", ".join(head_b["devices"])),
        ("needs", *(", ".join(report.requires) for report in (report_a, report_b))),
    )
    for what, x, y in everything:
        if x != y:
            yield Change(what, x or None, y or None)


def _outputs(a: Graph, b: Graph, read_a: _Reads, read_b: _Reads) -> Iterable[Change]:
    """Outputs of one name that come from different layers."""
    sources = {o["name"]: [(o["node"], o["output"])] for o in header(b)["outputs"]}
    for output in header(a)["outputs"]:
        before, after = [(output["node"], output["output"])], sources.get(output["name"])
        if after is not None and read_a.of(before) != read_b.of(after):
            (x,), (y,) = _named(a, before), _named(b, after)
            yield Change(f"output {output['name']}", x, y)


def _losses(a: Graph, b: Graph) -> Iterable[Change]:
    loss_a, loss_b = header(a)["loss"], header(b)["loss"]
    if (loss_a and _computed(loss_a)) != (loss_b and _computed(loss_b)):
        yield Change("loss", _formula(loss_a), _formula(loss_b))


def _computed(loss: Graph) -> object:
    """What a loss computes, whatever the order in which the network's outputs stand."""
    return [node for node in serialise(loss)["nodes"] if node["op"] != "input"]


def _outputs_of(report: Report) -> Iterable[str]:
    for said, (_, _, phase) in zip(report.typed_outputs, report.outputs, strict=True):
        yield said + (" in training" if phase == "train" else "")


def _formula(loss: Graph | None) -> str | None:
    """A loss as one expression over the outputs, cut where it is long."""
    if loss is None:
        return None
    said: dict[str, str] = {}
    for key, node in layers(loss):
        if node["op"] == "input":
            said[key] = key
            continue
        reads = [said[producer] for producer, _ in operands(loss, key) if producer != "target"]
        settings = step(node["operator"]).removeprefix(node["op"]).strip("()")
        text = f"{node['op']}({', '.join([*reads, *([settings] if settings else [])])})"
        said[key] = text if len(text) <= MAX_FORMULA else text[: MAX_FORMULA - 1] + "…"
    (output,) = header(loss)["outputs"]
    return said[output["node"]]


def _side(name: str, graph: Graph, report: Report) -> Side:
    """The network with the receptive field of the last layer of inference that still has positions of its own."""
    last = last_window(report)
    return Side(name, graph, report, tuple(f.size for f in last.field or ()) if last is not None else None)


def _by_path(report: Report) -> dict[str, Row]:
    return {row.path: row for row in report.nodes}


def _unless_same(what: str, a: Any, b: Any) -> Change | None:
    a, b = each_in_symbols(a), each_in_symbols(b)  # what one network needs of a symbol is no difference of its sizes
    return Change(what, a, b) if a != b else None


def _out_of_order(pairs: list[LayerPair], order: list[str]) -> set[int]:
    """The numbers of the pairs that stand before one which they followed."""
    position = {key: i for i, key in enumerate(order)}
    found, furthest = set(), -1
    for number, (key, other) in enumerate(pairs):
        if key is not None and other is not None:
            if position[key] < furthest:
                found.add(number)
            furthest = max(furthest, position[key])
    return found


class _Reads:
    """What a layer reads, as pairs: through layers that only one network has, where they lead to one source."""

    def __init__(self, graph: Graph, pairs: list[LayerPair], side: int) -> None:
        number = {pair[side]: i for i, pair in enumerate(pairs) if None not in pair}
        self._source: dict[str, object] = {}  # the number of a pair, the name of an input, or None
        for key, _ in layers(graph):
            if key in number:
                self._source[key] = number[key]
            else:
                sources = {self._source[producer] for producer, _ in operands(graph, key)}
                self._source[key] = sources.pop() if len(sources) == 1 else None if sources else key

    def of(self, reads: Iterable[tuple[str, int]]) -> list[object]:
        return [(self._source[producer], output) for producer, output in reads]
