"""The door for the YAML of Ultralytics' models: lists of modules, whose scales become variants.

The modules are written here as blocks, with the paths of the public checkpoints. Widths are multiples of 8, numbers of
rounds at least 1, as that tool scales them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from archdsl.errors import SpecError
from archdsl.importing.layers import image_sizes
from archdsl.importing.program import Missing, NotImported
from archdsl.importing.spec import Imported, formatted
from archdsl.importing.unusable import Unusable
from archdsl.source import Source
from archdsl.syntax.explain import Stop
from archdsl.syntax.yaml_nodes import Composer, Entries, Items, YamlNode

# What `activation` may be, by the words of the files.
ACTIVATIONS: Final = {
    "nn.SiLU()": "silu", "nn.ReLU()": "relu", "nn.ReLU6()": "relu6", "nn.LeakyReLU(0.1)": "leaky_relu(0.1)",
    "nn.Hardswish()": "hardswish", "nn.Mish()": "mish", "nn.GELU()": "gelu", "nn.Identity()": "identity",
}  # fmt: skip
SCALED: Final = ("Conv", "DWConv", "C2f", "C3", "C3k2", "SPPF", "C2PSA")  # whose first argument is a width
INFINITE: Final = 1 << 20  # channels, where there is no most
LARGE: Final = "mlx"  # the scales whose C3k2 are of the deeper kind

# Each module as blocks, with the modules that these use.
MODULES: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "divisible": ((), """# The next multiple of 8 of a width that is scaled
block divisible(channels, width, most) { ceil(min(channels, most) * width / 8) * 8 }"""),
    "Conv": ((), """block unit(x, channels, kernel_size = 1, stride = 1, groups = 1) {
    x
        -> conv: conv(channels, kernel_size, stride = stride, padding = kernel_size // 2, groups = groups, bias = false)
        -> bn: batch_norm(eps = 0.001, momentum = 0.03)
}

block conv_unit(x, channels, kernel_size = 1, stride = 1, groups = 1) {
    x
        -> conv: conv(channels, kernel_size, stride = stride, padding = kernel_size // 2, groups = groups, bias = false)
        -> bn: batch_norm(eps = 0.001, momentum = 0.03) -> silu
}"""),
    "DWConv": (("Conv",), """block depthwise(x: [N, C, H, W], kernel_size = 1, stride = 1) {
    x
        -> conv: conv(C, kernel_size, stride = stride, padding = kernel_size // 2, groups = C, bias = false)
        -> bn: batch_norm(eps = 0.001, momentum = 0.03) -> silu
}"""),
    "Bottleneck": (("Conv",), """block bottleneck(x: [N, C, H, W], shortcut, hidden) {
    main = x -> cv1: conv_unit(hidden, 3) -> cv2: conv_unit(C, 3)
    if shortcut { x + main } else { main }
}"""),
    "C3": (("Bottleneck",), """block c3(x, channels, depth, shortcut) {
    hidden = channels // 2
    deep = x -> cv1: conv_unit(hidden) -> m: repeat depth { bottleneck(shortcut, hidden) }
    concat(deep, x -> cv2: conv_unit(hidden)) -> cv3: conv_unit(channels)
}"""),
    "C2f": (("Bottleneck",), """inline block deeper(kept, i, shortcut, hidden) {
    kept + [kept[-1] -> m.${i}: bottleneck(shortcut, hidden)]
}

block c2f(x, channels, depth, shortcut = false) {
    halves = chunk(x -> cv1: conv_unit(channels), 2)
    kept = halves -> for i in range(depth) { deeper(i, shortcut, channels // 2) }
    concat(kept) -> cv2: conv_unit(channels)
}"""),
    "C3k2": (("Bottleneck", "C3"), """inline block deepest(kept, i, large, hidden) {
    added = if large {
        kept[-1] -> m.${i}: c3(hidden, 2, true)
    } else {
        kept[-1] -> m.${i}: bottleneck(true, hidden // 2)
    }
    kept + [added]
}

block c3k2(x, channels, depth, large, part = 0.5) {
    hidden = int(channels * part)
    halves = chunk(x -> cv1: conv_unit(2 * hidden), 2)
    kept = halves -> for i in range(depth) { deepest(i, large, hidden) }
    concat(kept) -> cv2: conv_unit(channels)
}"""),
    "SPPF": (("Conv",), """block sppf(x: [N, C, H, W], channels, kernel_size = 5) {
    one = x -> cv1: conv_unit(C // 2)
    two = one -> max_pool(kernel_size, stride = 1, padding = kernel_size // 2)
    three = two -> max_pool(kernel_size, stride = 1, padding = kernel_size // 2)
    four = three -> max_pool(kernel_size, stride = 1, padding = kernel_size // 2)
    concat(one, two, three, four) -> cv2: conv_unit(channels)
}"""),
    "C2PSA": (("Conv",), """block position_attention(x: [N, C, H, W], heads) {
    size = C // heads
    key = size // 2
    all = x -> qkv: unit(C + 2 * key * heads) -> flatten(2) -> unflatten(1, [heads, 2 * key + size])
    q, k, v = split(all, [key, key, size], dim = 2)
    scores = (permute(q, [0, 1, 3, 2]) @ k) * key ** -0.5 -> softmax(-1)
    mixed = v @ permute(scores, [0, 1, 3, 2]) -> flatten(1, 2) -> unflatten(2, [H, W])
    places = v -> flatten(1, 2) -> unflatten(2, [H, W]) -> pe: unit(C, 3, groups = C)
    mixed + places -> proj: unit(C)
}

block attention_block(x: [N, C, H, W]) {
    seen = x + (x -> attn: position_attention(C // 64))
    seen + (seen -> ffn: { conv_unit(2 * C) -> unit(C) })
}

block c2psa(x: [N, C, H, W], depth) {
    kept, deep = chunk(x -> cv1: conv_unit(C), 2)
    concat(kept, deep -> m: repeat depth { attention_block }) -> cv2: conv_unit(C)
}"""),
    "Detect": (("Conv", "DWConv"), """# For each position 16 scores for each side of its box, and one for each class
inline block scores_of(x: [N, C, H, W], i, box_width, class_width, classes, plain) {
    box = x -> cv2.${i}: { conv_unit(box_width, 3) -> conv_unit(box_width, 3) -> conv(64, 1) }
    class = x -> cv3.${i}: {
        if plain { conv_unit(class_width, 3) -> conv_unit(class_width, 3) } else {
            { depthwise(3) -> conv_unit(class_width) } -> { depthwise(3) -> conv_unit(class_width) }
        }
        -> conv(classes, 1)
    }
    concat(box, class)
}

block centres(height, width) {
    across = zeros([height, 1]) + (arange(width, dtype = float32) + 0.5)
    down = zeros([1, width]) + (arange(height, dtype = float32) + 0.5 -> reshape([height, 1]))
    stack(across, down) -> reshape([1, 2, height * width])
}

# Boxes from the distances of their sides, each the mean of 0 to 15 by 16 scores, and the scores of the classes
block detect(maps, strides, classes, plain) {
    widest = maps[0].shape[1]
    box_width = max(16, widest // 4, 64)
    scores = [x -> scores_of(i, box_width, max(widest, min(classes, 100)), classes, plain) for i, x in enumerate(maps)]
    box, class = concat([x -> flatten(2) for x in scores], dim = 2) -> split([64, classes])
    table = dfl.conv.weight: buffer(arange(16, dtype = float32) -> reshape([1, 16, 1, 1]))
    sides = box
        -> unflatten(1, [4, 16]) -> permute([0, 2, 1, 3]) -> softmax(1)
        -> conv(1, 1, bias = false, weight = table) -> squeeze(1)
    middle = concat([centres(x.shape[2], x.shape[3]) for x in maps], dim = 2)
    stride = concat([full([1, 1, x.shape[2] * x.shape[3]], 1.0 * strides[i]) for i, x in enumerate(maps)], dim = 2)
    start, end = [middle - chunk(sides, 2)[0], middle + chunk(sides, 2)[1]]
    boxes = concat((start + end) / 2, end - start) * stride
    concat(boxes, class -> sigmoid)
}"""),
}  # fmt: skip


def read(path: Path, name: str, shapes: Mapping[str, Sequence[int]] | None = None) -> Imported:
    """The spec of a file; `shapes` has that of `image`, if it is to be another than 3 × 640 × 640. Raises `Unusable`
    and `NotImported`."""
    return network(path.read_text(encoding="utf-8"), name, str(path), shapes)


def network(text: str, name: str, place: str = "", shapes: Mapping[str, Sequence[int]] | None = None) -> Imported:
    """The spec of a text."""
    try:
        config = plain(Composer(Source(place or f"{name}.yaml", text)).document())
    except Stop as error:
        raise SpecError([error.diagnostic]) from None
    except StopIteration:
        config = None  # nothing but comments
    if not isinstance(config, dict) or not {"backbone", "head"} <= config.keys():
        raise Unusable(f"`{place}` is no model of Ultralytics: it has no `backbone` and `head`")
    sizes = image_sizes(shapes or {}, [config.get("ch", 3), 640, 640], place)
    try:
        return _Model(config, name, sizes).imported()
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise Unusable(f"`{place}` is no model of Ultralytics ({type(error).__name__}: {error})") from None


def plain(node: YamlNode) -> Any:
    """Lists, mappings, numbers, words."""
    if isinstance(node, Items):
        return [plain(one) for one in node.items]
    if isinstance(node, Entries):
        return {key.value: plain(value) for key, value in node.entries}
    if node.style is not None:
        return node.value
    if node.value in WORDS:
        return WORDS[node.value]
    for kind in (int, float):
        with suppress(ValueError):
            return kind(node.value)
    return node.value


WORDS: Final = {"True": True, "true": True, "False": False, "false": False, "None": None, "null": None, "": None}


class _Model:
    def __init__(self, config: Mapping[str, Any], name: str, sizes: Sequence[int]) -> None:
        self.sizes = ", ".join(map(str, sizes))
        self.config = config
        self.name = re.sub(r"\W", "_", name)
        self.rows = [*config["backbone"], *config["head"]]
        self.deep = any(row[2] == "C3k2" for row in self.rows)
        self.used: dict[str, None] = {"divisible": None}
        self.names: dict[int, str] = {}

    def imported(self) -> Imported:
        missing: dict[str, int] = {}
        activation = str(self.config.get("activation") or self.config.get("act") or "nn.SiLU()").removeprefix("torch.")
        if activation not in ACTIVATIONS:
            missing[f"activation {activation}"] = 1
        for row in self.rows:
            if row[2] not in MODULES and row[2] not in ("nn.Upsample", "Concat"):
                missing[row[2]] = missing.get(row[2], 0) + 1
        if missing:
            raise NotImported([Missing(f"Ultralytics' {kind}", "", "", count) for kind, count in missing.items()])
        body = self._body()
        for kind in list(self.used):
            self._uses(kind)
        own = ACTIVATIONS[activation]
        blocks = [text.replace("-> silu", f"-> {own}") for kind, (_, text) in MODULES.items() if kind in self.used]
        settings = "depth, width, most, " + ("large, " if self.deep else "") + f"classes = {self.config.get('nc', 80)}"
        title = re.sub(r"^yolo", "YOLO", self.name)
        network = (
            f"network {title}(image: [N, {self.sizes}], {settings}) {{\n"
            + "\n".join(f"    {line}" for line in body)
            + "\n}"
        )
        single = [self.config.get("depth_multiple", 1.0), self.config.get("width_multiple", 1.0), INFINITE]
        scales: Mapping[str, Any] = self.config.get("scales") or {"": single}
        variants = {f"{self.name}{scale}".lower(): (scale, *values) for scale, values in scales.items()}
        lines = []
        for variant, (scale, depth, width, most) in variants.items():
            large = f"large = {'true' if scale in LARGE and scale else 'false'}, " if self.deep else ""
            lines.append(f"variant {variant} = {title}({large}depth = {depth}, width = {width}, most = {most})")
        text = "\n\n".join([*blocks, network, "\n".join(lines)]) + "\n"
        return Imported(formatted(text), title, tuple(variants))

    def _uses(self, kind: str) -> None:
        self.used[kind] = None
        for other in MODULES[kind][0]:
            self._uses(other)

    def _body(self) -> list[str]:
        """A statement for each run of modules of which nothing else reads the values between."""
        sources = [[source] if isinstance(source, int) else list(source) for source, *_ in self.rows]
        absolute = [[i + one if one < 0 else one for one in row] for i, row in enumerate(sources)]
        readers: dict[int, int] = {}
        for i, row in enumerate(absolute):
            for one in row:
                readers[one] = readers.get(one, 0) + (1 if one == i - 1 and len(row) == 1 else 2)
        lines = []
        chain = ""
        for i, row in enumerate(self.rows):
            given = absolute[i]
            if len(given) > 1:
                values = ", ".join(map(self._value, given))
                head = f"concat({values})" if row[2] == "Concat" else f"[{values}]"
                chain = head if row[2] == "Concat" else f"{head} -> {self._step(i, row)}"
            elif i and given == [i - 1] and chain:
                chain += f"\n        -> {self._step(i, row)}"
            else:
                chain = f"{self._value(given[0])}\n        -> {self._step(i, row)}"
            last = i == len(self.rows) - 1
            if not last and readers.get(i, 0) != 1:
                self.names[i] = f"x{i}"
                lines.append(f"x{i} = {chain}")
                chain = ""
            elif last:
                lines.append(chain)
        return lines

    def _value(self, number: int) -> str:
        return "image" if number < 0 else self.names[number]

    def _step(self, i: int, row: list[Any]) -> str:
        _, number, kind, given = row
        if kind == "nn.Upsample":
            return f"interpolate(scale_factor = {given[1]}, mode = {given[2]})"
        self.used[kind] = None
        rest = [literal(one) for one in given]
        if kind in SCALED:
            rest[0] = f"divisible({given[0]}, width, most)"
        rounds = f"max(round({number} * depth), 1)" if number > 1 else str(number)
        call = {
            "Conv": lambda: f"conv_unit({', '.join(rest)})",
            "DWConv": lambda: f"depthwise({', '.join(rest[1:])})",
            "C2f": lambda: f"c2f({rest[0]}, {rounds}{''.join(f', {one}' for one in rest[1:2])})",
            "C3": lambda: f"c3({rest[0]}, {rounds}, {rest[1] if len(rest) > 1 else 'true'})",
            "C3k2": lambda: f"c3k2({', '.join([rest[0], rounds, self._large(given), *rest[2:3]])})",
            "SPPF": lambda: f"sppf({', '.join(rest)})",
            "C2PSA": lambda: f"c2psa({rounds})",
            "Detect": lambda: f"detect({self._strides(i)}, classes, {'false' if self.deep else 'true'})",
        }[kind]()  # fmt: skip
        return f"model.{i}: {call}"

    def _strides(self, number: int) -> list[int]:
        """How many pixels of the image a step in each map is that a row reads."""
        found: dict[int, Fraction] = {-1: Fraction(1)}
        for i, (source, _, kind, given) in enumerate(self.rows[:number]):
            first = source if isinstance(source, int) else source[0]
            step = found[i + first if first < 0 else first]
            if kind in ("Conv", "DWConv") and len(given) > 2:
                step *= given[2]
            found[i] = step / given[1] if kind == "nn.Upsample" else step
        read = self.rows[number][0]
        return [int(found[number + one if one < 0 else one]) for one in ([read] if isinstance(read, int) else read)]

    def _large(self, given: list[Any]) -> str:
        return "true" if len(given) > 1 and given[1] is True else "large"


def literal(value: Any) -> str:
    return {"True": "true", "False": "false", "None": "1"}.get(str(value), str(value))
