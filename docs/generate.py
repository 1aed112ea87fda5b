"""Writes the generated pages and pictures: `make docs`. With --check, says which are stale."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import archdsl
from archdsl import shipped, sweep
from archdsl.catalogue import CATALOGUE, FAMILIES
from archdsl.highlight import textmate
from archdsl.library_names import library_names
from archdsl.limits import LIMITS
from archdsl.lint import RULES, SUPPRESSION_CODES
from archdsl.ops import OPERATORS, Operator
from archdsl.ops.initialiser import INITIALISERS
from archdsl.presentation import operator as operator_page
from archdsl.published import checkpoints, figures
from archdsl.render.explanation import as_markdown
from archdsl.syntax import tables
from archdsl.zoo import entries

ROOT = Path(__file__).resolve().parent.parent
NOTE = "<!-- Written by `make docs`; do not edit. -->"


def main() -> int:
    check = "--check" in sys.argv[1:]
    pages = {
        "docs/operators.md": operators(),
        "docs/diagnostics.md": diagnostics(),
        "docs/lint.md": lint(),
        "specs/README.md": zoo(),
        "specs/variants.json": shipped.index(),
        "docs/zoo.md": published(),
        "docs/safety.md": safety(),
        "docs/gallery.md": gallery(),
        "editors/vscode/syntaxes/archdsl.tmLanguage.json": json.dumps(textmate(), indent=2) + "\n",
    }
    stale = [name for name, text in pages.items() if not _current(ROOT / name, text.encode())]
    if not tables.current():
        stale.append(str(tables.TABLES.relative_to(ROOT)))
        if not check:
            tables.write()
    for name, draw in DRAWINGS.items():
        target = ROOT / "docs" / "images" / name
        fresh = target.with_name(f".fresh-{target.name}")
        draw(fresh)
        data = fresh.read_bytes()
        fresh.unlink()
        if not _current(target, data):
            stale.append(f"docs/images/{name}")
            if not check:
                target.write_bytes(data)
    stale += _screenshots(check)
    if check:
        for name in stale:
            print(f"{name} is stale: `make docs` writes it anew", file=sys.stderr)
        return 1 if stale else 0
    for name, text in pages.items():
        (ROOT / name).write_text(text, encoding="utf-8")
    return 0


def _screenshots(check: bool) -> list[str]:
    """The screenshots that show the page otherwise than it is, written anew unless only checked; none where
    there is no browser."""
    sys.path.insert(0, str(ROOT))
    from tests.tools import BROWSER
    from tests.viz.screenshots import alike, take_all

    program = BROWSER.find()
    if program is None:
        print(f"screenshots are left out without {BROWSER.name}: {BROWSER.get}", file=sys.stderr)
        return []
    stale = []
    for shot, data in take_all(program):
        if not shot.path.exists() or not alike(data, shot.path.read_bytes()):
            stale.append(f"docs/images/{shot.file}")
            if not check:
                shot.path.write_bytes(data)
    return stale


class Shown(NamedTuple):
    """A picture of the gallery."""

    title: str
    network: str
    options: dict[str, object]
    remark: str  # what to see, and how others draw the same network

    @property
    def file(self) -> str:
        width = f"-{self.options['width']}" if "width" in self.options else ""
        return f"{self.network}-{self.options.get('view', 'graph')}{width}.svg"

    @property
    def command(self) -> str:
        said = [f"--{name} {value}" for name, value in self.options.items()]
        return " ".join(["archdsl draw", self.network, "-o", f"{self.network}.svg", *said])


GALLERY = (
    Shown(
        "AlexNet on two GPUs",
        "alexnet",
        {"view": "volumes"},
        "The paper's figure 2 in spirit: two towers, the layers where they meet (red, as tensors cross devices), the "
        "windows of the convolutions on the maps that they read. Figure 2 was drawn by hand and is clipped at the top; "
        "PlotNeuralNet and NN-SVG have templates for AlexNet in one column.",
    ),
    Shown(
        "VGG-16",
        "vgg16",
        {"view": "volumes"},
        "The picture that PlotNeuralNet made well known, there with every width and offset given by hand in TikZ. "
        "Here sides follow a rule, and `-o vgg16.tex` gives TikZ to work on.",
    ),
    Shown(
        "LeNet-5",
        "lenet5",
        {"view": "volumes"},
        "Figure 2 of the 1998 paper shows the same maps with the same receptive windows. NN-SVG's LeNet style stacks "
        "sheets, and its user types in every size.",
    ),
    Shown(
        "U-Net",
        "unet",
        {"view": "volumes"},
        "Skips are arcs from the way down to the way up. The paper bends the column into the letter it is named for; "
        "PlotNeuralNet's U-Net, set by hand, has such arcs too.",
    ),
    Shown(
        "Inception-v4",
        "inception_v4",
        {"view": "volumes"},
        "The paper has a figure for each kind of block and one for the column: this one, with its maps.",
    ),
    Shown(
        "A siamese network",
        "siamese",
        {"view": "volumes"},
        "Both images pass the same encoder. Figure 4 of the paper shows one of the two ways.",
    ),
    Shown(
        "ResNet-152 as a table",
        "resnet152",
        {"view": "stages"},
        "Table 1 of the paper, computed: a row a stage, the number of its repeats, what it gives, and where parameters "
        "and multiply-adds go. Keras' `plot_model` draws a box for every layer, more than 500 of them.",
    ),
    Shown(
        "GoogLeNet as a table",
        "googlenet",
        {"view": "stages"},
        "Table 1 of the paper with its auxiliary classifiers beside the stages that they branch from, dashed as they "
        "exist in training only. The paper's own drawing, figure 3, fills a page.",
    ),
    Shown(
        "DenseNet-121 as a table",
        "densenet121",
        {"view": "stages"},
        "Table 1 of the paper, with the costs that it leaves out. Keras draws 429 boxes.",
    ),
    Shown(
        "Inception-ResNet-v1 as a table",
        "inception_resnet_v1",
        {"view": "stages"},
        "A block that is one convolution with its norm and activation is a row of its own kind; what is repeated bears "
        "its number.",
    ),
    Shown(
        "ResNeXt-50 as a table",
        "resnext50_32x4d",
        {"view": "stages"},
        "Table 1 of the paper again, beside which it prints ResNet-50's.",
    ),
    Shown(
        "A ResNet for CIFAR-10 as a table",
        "cifar_resnet110",
        {"view": "stages"},
        "110 layers; shortcuts that widen are slices and padding, without parameters.",
    ),
    Shown(
        "A vision transformer as a table",
        "vit_b_16",
        {"view": "stages"},
        "Twelve encoder layers are one row. A tracer, such as torchview, shows each of them.",
    ),
    Shown(
        "U-Net in a column of a paper",
        "unet",
        {"view": "volumes", "width": "3.5in"},
        "The same at 3.5 inches: the letter that it is named for, as the paper has it, with no letters under 6 points. "
        "[Figures for a paper](figures.md) says what else becomes of a picture that is too wide.",
    ),
    Shown(
        "GoogLeNet as a graph",
        "googlenet",
        {},
        "The backbone, and each kind of block beside it once, open: figures 2 (b) and 3 of the paper in one. A letter "
        "and a colour say which is which; widths that differ are called as the spec calls them. Netron and torchview "
        "draw the inside of all nine modules.",
    ),
    Shown(
        "ResNet-152 as a graph",
        "resnet152",
        {},
        "Equal blocks are found by what they are and drawn once, a stack with its number; what a page cannot hold is "
        "closed, with its cost, and stands beside it open. torchview's `roll` folds one module that is called again, "
        "not equal ones in a row.",
    ),
    Shown(
        "U-Net as a graph",
        "unet",
        {},
        "Blocks closed so far that a page holds them, and both kinds beside, open; every skip says its shape.",
    ),
    Shown(
        "LeNet-5 from left to right",
        "lenet5",
        {"direction": "right"},
        "For a slide.",
    ),
    Shown(
        "One block of ResNet-101",
        "resnet101",
        {"focus": "layer3.7"},
        "Any block with its neighbours. Netron and Model Explorer find a layer by its name too, in a model that is "
        "already built.",
    ),
    Shown(
        "In the dark",
        "nin_cifar10",
        {"view": "stages", "theme": "dark"},
        "Themes change colours and nothing else; every text keeps a contrast of 4.5:1. `--theme print` is black and "
        "white.",
    ),
)

PICTURES: dict[str, tuple[str, dict[str, object]]] = {
    "residual.svg": (str(ROOT / "docs" / "residual.arch"), {}),
    "alexnet.svg": ("alexnet", {}),
    "broken.svg": (str(ROOT / "docs" / "broken.arch"), {}),
    **{f"gallery/{shown.file}": (shown.network, shown.options) for shown in GALLERY},
}

DIFFERENCES: dict[str, tuple[str, str, dict[str, object]]] = {
    "diff.svg": ("resnet50", "resnet101", {}),
    "diff-side-by-side.svg": ("alexnet_one_column", "alexnet_torchvision", {"arrange": "side-by-side"}),
}


def _schedule(name: str) -> Callable[[Path], object]:
    """A pipeline whose layers are alike, so that the pattern of its schedule is seen."""
    conditions: dict[str, Any] = {"link": "300GB/s", "batch": 64, "micro_batches": 8, "schedule": name}
    return lambda file: archdsl.load("vit_b_16").place(4, "a100", **conditions).draw(file)


NETWORKS = ("resnet18", "resnet34", "resnet50", "googlenet", "densenet121", "alexnet")
FRONT = ("params", "macs")
PLOTS: dict[str, Callable[[Path], object]] = {
    "plots/resnet50.svg": lambda file: archdsl.load("resnet50", inputs={"image": (32, 3, 224, 224)}).plot(file),
    **{f"schedules/{name}.svg": _schedule(name) for name in ("1f1b", "zero-bubble", "interleaved", "dualpipev")},
    "plots/networks.svg": lambda file: sweep.plot(sweep.sweep(NETWORKS, (), {}, {}, FRONT), file, pareto=FRONT),
}


def _picture(spec: str, options: Mapping[str, object]) -> Callable[[Path], object]:
    return lambda file: _network(spec).draw(file, **options)


def _difference(a: str, b: str, options: Mapping[str, object]) -> Callable[[Path], object]:
    return lambda file: archdsl.load(a).diff(archdsl.load(b)).draw(file, **options)


DRAWINGS: dict[str, Callable[[Path], object]] = {
    **{name: _picture(*shown) for name, shown in PICTURES.items()},
    **{name: _difference(*compared) for name, compared in DIFFERENCES.items()},
    **PLOTS,
}


def _network(spec: str) -> archdsl.Network:
    """A network; of a spec with errors, what there is of it."""
    try:
        return archdsl.load(spec)
    except archdsl.SpecError as error:
        if error.graph is None:
            raise
        return archdsl.Network(error.graph)


def gallery() -> str:
    """The best pictures, each with its command."""
    lines = ["# Gallery", "", NOTE, ""]
    lines += [
        "Every picture is made from a spec by the command above it. [draw](command-line.md#draw) has the options."
    ]
    for shown in GALLERY:
        lines += ["", f"## {shown.title}", "", f"`{shown.command}`", "", shown.remark, ""]
        lines += [f"![{shown.title}](images/gallery/{shown.file})"]
    table = [("", *PEERS), ("---",) * (len(PEERS) + 1), *((said, *facts) for said, facts in BESIDE.items())]
    others = BESIDE_OTHERS.replace("{table}", "\n".join(f"| {' | '.join(row)} |" for row in table))
    return "\n".join([*lines, "", *others.splitlines()]) + "\n"


PEERS = (
    "archdsl",
    "torchview 0.2.7",
    "Keras 3.15 `plot_model`",
    "TorchLens 2.36",
    "Netron 9.3",
    "Model Explorer 0.1",
    "PlotNeuralNet",
)
BESIDE = {
    "needs": (
        "a spec, or what `archdsl import` reads",
        "any module, and a run of it",
        "a Keras model that is built",
        "any module, and a run of it",
        "a file: ONNX, TFLite, Core ML, …",
        "a file: .pt2, TFLite, …",
        "every box and offset, by hand",
    ),
    "shapes": (
        "where they change",
        "of each box",
        "of each box, on request",
        "of each box, with bytes",
        "on edges",
        "on request",
        "as typed",
    ),
    "parameters, multiply-adds": (
        "of blocks, in tables, in titles",
        "no",
        "no",
        "parameters' shapes",
        "no; weights can be read",
        "no",
        "no",
    ),
    "settings (kernel, stride)": (
        "where not the default",
        "all, on request",
        "activation, on request",
        "no",
        "in a panel",
        "in a panel",
        "as typed",
    ),
    "nested blocks": (
        "frames; closed ones once beside it, open",
        "frames, to a depth",
        "frames, on request",
        "frames",
        "no",
        "boxes to open",
        "no",
    ),
    "equal blocks in a row": (
        "one, with its number",
        "a module called again",
        "no",
        "one, on request (ViT: 14 boxes for 144)",
        "no",
        "marked when one is chosen",
        "no",
    ),
    "a column of 3.5 in": (
        "`--width 3.5in`, no letters under 6 pt",
        "no",
        "no",
        "no",
        "no",
        "no",
        "scaled",
    ),
    "devices, parts that only train": (
        "yes",
        "no",
        "whether a layer is trainable",
        "no",
        "no",
        "no",
        "no",
    ),
}
BESIDE_OTHERS = """\
## Beside other tools

Five networks as each tool draws them by itself, each picture on a page of its own: `make bench` makes the pictures and
[measures them](../benchmarks/PICTURES.md), by running the tools. torchview and TorchLens drew the modules that the
tests compare with, Netron their ONNX exports, Keras the models that it ships; Model Explorer is a page, shown with the
network's box opened once.

![ResNet-50 by archdsl and others, each on a page](images/peers/resnet50.png)

![GoogLeNet by archdsl and others, each on a page](images/peers/googlenet.png)

![U-Net by archdsl and others, each on a page](images/peers/unet.png)

![ViT-B/16 by archdsl and others, each on a page](images/peers/vit_b_16.png)

![AlexNet by archdsl and others, each on a page](images/peers/alexnet.png)

And ResNet-152, where the others are a line in the middle of the page, hundreds of inches long before it was shrunk:

![ResNet-152 by archdsl, torchview and Keras, each on a page](images/peers.png)

{table}

Where they are still better:

* **torchview, TorchLens**: what runs is drawn, with the control flow of that run and no file to write first. TorchLens
  keeps every value that a run made, gradients too, and can colour boxes by them; `archdsl import` covers modules that
  torch can export, and pictures know no values.
* **Netron**: opens a file of any of dozens of formats at once, and shows weights as numbers.
* **Model Explorer**: pans through graphs of tens of thousands of operators without a pause, and shows what several
  tools say of each of them, as quantisation does. archdsl's page is laid out anew when blocks are opened.
* **Keras**: one line in the program that trains, where the model is at hand anyway.
* **PlotNeuralNet**: its templates for U-Net and AlexNet have proportions set by hand, an input image as the first face
  and bands for activations inside a box. archdsl's volumes follow a rule, and can look plainer.
* Wide volumes: 11 to 19 inches for long networks unless a width is asked for, which folds them into rows or a U.
"""


def _current(path: Path, data: bytes) -> bool:
    return path.exists() and path.read_bytes() == data


def operators() -> str:
    """The reference of the operators, from the registry."""
    groups: dict[str, list[type[Operator]]] = {}
    for operator in OPERATORS.values():
        groups.setdefault(operator.group, []).append(operator)
    lines = ["# Operators", "", NOTE, ""]
    lines += ["Tensors come first, from the arrow or in parentheses; then the parameters, by position or by name."]
    lines += ["A parameter shown as `name =` is given by name only."]
    lines += ["Names, defaults and shape rules are torch's; what differs is said.", ""]
    for group, members in sorted(groups.items()):
        links = ", ".join(f"[{o.name}](#{o.name})" for o in sorted(members, key=lambda o: o.name))
        lines.append(f"* {group}: {links}")
    for group, members in sorted(groups.items()):
        lines += ["", f"## {group.capitalize()}"]
        for operator in sorted(members, key=lambda o: o.name):
            lines += ["", f"### {operator.name}", "", operator_page.as_markdown(operator)]
    lines += ["", "## Initialisers", "", "| name | weights |", "|---|---|"]
    for name, kind in INITIALISERS.items():
        shown = name + (f"({', '.join(kind.arguments)})" if kind.arguments else "")
        lines.append(f"| `{shown}` | {kind.summary} |")
    return "\n".join(lines) + "\n"


def diagnostics() -> str:
    """What each code of a diagnostic means, from the catalogue: what `archdsl explain` says."""
    lines = ["# Diagnostics", "", NOTE, ""]
    lines += ["What the code in `error[code]` means; `archdsl explain CODE` says the same. The first of two examples"]
    lines += ["gives exactly this diagnostic, the second is right. The exit status is 1 for what is wrong with a spec,"]
    lines += ["and 2 where a command was used wrongly."]
    lines += ["What lint says is on [another page](lint.md)."]
    errors = {title: family for title, family in FAMILIES.items() if title != LINT_FAMILY}
    for title, family in errors.items():
        lines += ["", f"**{title}**", "", "| code | level | | exit status |", "|---|---|---|---:|"]
        lines += [f"| [`{code}`](#{code}) | {e.level} | {e.summary} | {e.exit_status} |" for code, e in family.items()]
    for code in sorted(code for family in errors.values() for code in family):
        lines += ["", f"## {code}", "", as_markdown(code).rstrip()]
    return "\n".join(lines) + "\n"


LINT_FAMILY = "Lint"  # its codes have a page of their own
LINT = """\
`archdsl lint` says what is correct, but probably not meant, or known to work better otherwise. A **warning** is about
a network that does not do what it seems to say, computes something for nothing, or is known not to train well. A
**note** is about cost and alternatives, for which there may be good reasons: it is shown with `--notes` or `--only`.

```console
$ archdsl lint specs/*.arch
$ archdsl lint resnet50 --off small-receptive-field
$ archdsl lint --list
```

Every network and variant of a file is looked at, and a finding that many share is shown once: it names the first
layer, how many more there are, and the variants where it does not hold for all. What depends on a symbol without a
value is not reported.

## Suppression

`# lint: off(rule): reason` switches a rule off for its line, or, alone on a line, for the next one; `off(rule, rule)`
switches several off. It works in YAML alike. Where the line has no finding of the rule, the whole statement is meant,
so that a spec keeps its suppressions when it is formatted, or converted to the other form with other line breaks. The
reason is for readers. A rule that does not exist is reported, and so is a suppression of nothing, where a whole file
is looked at.

```arch
block shortcut(x: [N, C, H, W], width) {
    # lint: off(stride-over-kernel): the convolutions beside it read all positions
    x -> project: conv(width, 1, stride = 2, bias = false) -> norm: batch_norm
}

network Net(image: [N, 3, 32, 32]) {
    image -> shortcut(16)
}
```
"""


def lint() -> str:
    """What each rule of lint finds, from the catalogue."""
    rules = sorted((CATALOGUE[code].level == "note", code) for code in (*RULES, *SUPPRESSION_CODES))
    lines = ["# Lint", "", NOTE, "", *LINT.splitlines(), "", "## Rules", "", "| rule | | finds |", "|---|---|---|"]
    lines += [f"| [`{c}`](#{c}) | {CATALOGUE[c].level} | {CATALOGUE[c].summary} |" for _, c in rules]
    for _, code in rules:
        lines += ["", f"### {code}", "", as_markdown(code).rstrip()]
    return "\n".join(lines) + "\n"


def safety() -> str:
    """The page on safety, with the table of limits in its place."""
    before, start, rest = (
        (ROOT / "docs" / "safety.md").read_text(encoding="utf-8").partition("written by `make docs` -->\n")
    )
    _, end, after = rest.partition("<!-- end -->")
    lines = ["| option | most | default | code |", "|---|---|---:|---|"]
    lines += [f"| `--max-{limit.name}` | {limit.doc} | {limit.default:,} | `{limit.code}` |" for limit in LIMITS]
    return before + start + "\n" + "\n".join(lines) + "\n\n" + end + after


def zoo() -> str:
    """The table of the networks in specs/."""
    lines = ["# The networks that ship with archdsl", "", NOTE, ""]
    lines += [
        "Load one by its name: `archdsl report resnet50`. Figures are for a batch of 1;",
        "[docs/zoo.md](../docs/zoo.md) has them beside published ones.",
        "",
    ]
    file = None
    for entry in entries():
        if entry.file != file:
            file = entry.file
            lines += ["", f"## [{file}]({file})", "", entry.source, ""]
            lines += ["| name | input | parameters | MACs |", "|---|---|---:|---:|"]
        lines.append(f"| `{entry.name}` | {entry.input} | {entry.params:,} | {entry.macs:,} |")
    return "\n".join(lines) + "\n"


def _checkpoints(variant: str) -> Iterator[str]:
    """Which checkpoints of libraries a variant takes, and how."""
    as_they_are, renamed = list[str](), dict[str, list[str]]()
    for library, model in map(str.split, checkpoints(variant)):
        known = library_names(library, variant)
        (as_they_are if known is None else renamed.setdefault(library, [])).append(f"{library}'s `{model}`")
    if as_they_are:
        yield f"Checkpoints of {' and '.join(as_they_are)} load as they are."
    for library, models in renamed.items():
        yield f"Checkpoints of {' and '.join(models)} load with `--rename {library}`."


def published() -> str:
    """The published figures of the networks, beside ours."""
    lines = ["# The networks beside what was published", "", NOTE, ""]
    lines += [
        "What papers print and what well-known implementations have, and what archdsl counts. *Equal* is equal to the",
        "last digit, *rounded* means that our figure rounds to the printed one or stays below its bound.",
        "A printed figure that names a second source was read there as well; others are quoted from the papers alone.",
        "`archdsl zoo --table` prints the same. MACs are multiply-adds of convolution, linear and attention.",
    ]
    for name, group in groupby(figures(), lambda figure: figure.network):
        lines += ["", f"## {name}", ""]
        lines += [line for text in _checkpoints(name) for line in (text, "")]
        lines += ["| figure | published | ours | | source |", "|---|---:|---:|---|---|"]
        for f in group:
            agrees = f.agrees if not f.note else f"{f.agrees}: {f.note}"
            lines.append(f"| {f.figure} | {f.published} | {f.ours:,} | {agrees} | {f.source} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
