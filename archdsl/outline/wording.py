"""What layers, blocks and networks are called in few characters: an operator with the parameters that matter."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from archdsl.graph import Graph, Layer, broken, header, layer, typed
from archdsl.measure.network import cost as counts
from archdsl.net_view import NetView
from archdsl.ops import Operator, OperatorParameter, parameters
from archdsl.ops._op import REQUIRED
from archdsl.ops.kinds import Init, Sizes
from archdsl.sheet.units import magnitude

# Signs for what joins tensors; other operators have their names.
SYMBOLS: Final = MappingProxyType({"add": "+", "sub": "−", "mul": "×", "div": "÷", "maximum": "max"})

LONGEST: Final = 44  # characters of a line
FEW: Final = 2  # inputs or outputs, of which each is told
NO_BREAK: Final = "\N{NO-BREAK SPACE}"

# Parameters that have a sign of their own, wherever they occur.
SIGNS: Final = MappingProxyType(
    {
        "kernel_size": "{}",
        "stride": "/{}",
        "groups": "{} groups",
        "num_groups": "{} groups",
        "num_heads": "{} heads",
        "scale_factor": "×{}",
        "upscale_factor": "×{}",
        "scalar": "{}",
        "p": "{}",
        "size": "{}",
        "dim": "dim {}",
    }
)

# Parameters that tell a reader of a picture nothing: shapes show what padding does, and the rest is for training.
SILENT: Final = frozenset(
    {"padding", "output_padding", "padding_mode", "ceil_mode", "bias", "eps", "momentum", "align_corners", "values"}
)


def title(layer: Layer, symbols: Mapping[str, str] = MappingProxyType({})) -> str:
    """`conv 3×3, 64, /2`: the operator, then what has no default or differs from it; with symbols for some parameters,
    `conv 3×3, width, /stride`."""
    name = SYMBOLS.get(layer["op"], layer["op"])
    if is_off(layer):
        return f"{name}, off"
    said = ", ".join(_said(layer["operator"], max(len(layer["shape"]) - 2, 1), symbols))
    return clip(f"{name} {said}".strip())


def is_off(layer: Layer) -> bool:
    """Whether it would regularise, but not at the rate that it has."""
    operator = layer["operator"]
    return bool(operator.group == "regularization" and operator.aliases(training=True))


def own_name(path: str, does: str) -> str:
    """What a part is called, if that says more than what it does and its place among others: not `0 … 11`."""
    before, _, last = path.rpartition(".")
    counted = re.fullmatch(rf"(({re.escape(does)})?(_\d+)?|\d+)( … \d+)?", last)
    alone = "…" in last or before.replace(".", "").isdigit() or not before
    return "" if does and counted and alone else path


def heading(path: str, call: str) -> list[str]:
    """The lines of a group's title: what it is called, and its block with the arguments that matter."""
    return [line for line in (own_name(path, call.partition(" ")[0]), call) if line]


def totals(graph: Graph, keys: Collection[str]) -> tuple[str, ...]:
    """What a network has and needs, and what it takes and gives: `25.6 M params, 4.09 G MACs` and `[N, 3, 224, 224] →
    [N, 1000]`, as far as they are known. What only trains has parameters, and needs no multiply-adds."""
    if any(broken(graph)):
        return ()
    running = [key for key in keys if layer(graph, key)["phase"] == "both"]
    taken = [layer(graph, key) for key in header(graph)["inputs"] if key in keys]
    given = [out for out in header(graph)["outputs"] if out["node"] in keys and out["phase"] == "both"]
    ends = [_shapes(taken, "inputs"), _shapes(given, "outputs")]
    return tuple(filter(None, (cost(graph, keys, running), " → ".join(ends) if all(ends) else "")))


def _shapes(ends: Sequence[Mapping[str, Any]], word: str) -> str:
    """The shapes of inputs or outputs, or how many there are."""
    return ", ".join(typed(end["shape"], end["dtype"]) for end in ends) if len(ends) <= FEW else f"{len(ends)} {word}"


def cost(graph: Graph, keys: Collection[str], running: Collection[str] | None = None) -> str:
    """`1.12 M params, 218 M MACs`: what layers have, and what they need, or those `running`; nothing is said of what
    they have not, or open sizes."""
    net = NetView(graph)
    params = sum(counts.params(layer(graph, key)) for key in keys)
    macs = sum(counts.macs(net, key) for key in (keys if running is None else running))
    said = [(params, "params"), (macs, "MACs")]
    return ", ".join(f"{magnitude(number)} {unit}" for number, unit in said if isinstance(number, int) and number)


def _said(operator: Operator, spatial: int, symbols: Mapping[str, str]) -> list[str]:
    found = []
    for parameter in parameters(type(operator)):
        value = symbols.get(parameter.name, getattr(operator, parameter.name))
        if parameter.name in SILENT or isinstance(parameter.kind, Init) or value == parameter.default:
            continue
        if parameter.name == "kernel_size" and isinstance(value, int):
            value = (value,) * spatial
        found.append((parameter.name != "kernel_size", _one(parameter, value)))
    return [text for _, text in sorted(found, key=lambda pair: pair[0])]  # the kernel first, as people say it


def _one(parameter: OperatorParameter, value: Any) -> str:
    words = parameter.name.replace("_", " ")
    if isinstance(value, bool):
        return words if value else f"no {words}"
    text = in_words(value, "×" if isinstance(parameter.kind, Sizes) else ", ")
    if parameter.name in SIGNS:
        return SIGNS[parameter.name].format(text)
    return text if parameter.default is REQUIRED or isinstance(value, str) else f"{words} {text}"


def in_words(value: Any, separator: str = ", ") -> str:
    """The value of a parameter: `7`, `[64, 128]`, or `1×7` where sizes are meant."""
    if isinstance(value, (tuple, list)):
        text = separator.join(in_words(item) for item in value)
        return text if separator == "×" else f"[{text}]"
    return f"{value:{'g' if value.is_integer() else '.4g'}}" if isinstance(value, float) else str(value)


def span(first: str, last: str) -> str:
    """The paths from one to another: `layer1.0 … 7`."""
    end = last.rpartition(".")[2]
    stem = end.rstrip("0123456789")
    same = stem != end and first.rpartition(".")[2].rstrip("0123456789") == stem
    return f"{first} … {end.removeprefix(stem) if same else end}"


def plain(text: str) -> str:
    """One line of visible characters, whatever a spec holds."""
    line = " ".join(text.split())
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)


def wrapped(message: str, width: int, most: int | None = None) -> list[str]:
    """A message in lines that break no shape, so many at most."""
    whole = re.sub(r"\[[^\]]*\]", lambda shape: shape.group().replace(" ", NO_BREAK), message)
    lines = textwrap.wrap(whole, width, max_lines=most, placeholder=" …")
    return [line.replace(NO_BREAK, " ") for line in lines]


def clip(text: str, longest: int = LONGEST) -> str:
    """A text that is not too long, its end marked where it is cut."""
    text = plain(text[: 4 * longest])
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def name(graph: Graph) -> str:
    """What a network is called: `resnet50 (ResNet)`."""
    head = header(graph)
    variant = head["variant"] or head["network"]
    return plain(variant if variant == head["network"] else f"{variant} ({head['network']})")
