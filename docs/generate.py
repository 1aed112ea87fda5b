"""Writes the generated pages and pictures: `make docs`. With --check, says which are stale."""

from __future__ import annotations

import sys
from pathlib import Path

import archdsl
from archdsl.catalogue import CATALOGUE
from archdsl.limits import LIMITS
from archdsl.ops import OPERATORS, Operator, parameters
from archdsl.ops._op import REQUIRED
from archdsl.ops.initialiser import INITIALISERS
from archdsl.zoo import entries

ROOT = Path(__file__).resolve().parent.parent
NOTE = "<!-- Written by `make docs`; do not edit. -->"


def main() -> int:
    check = "--check" in sys.argv[1:]
    pages = {
        "docs/operators.md": operators(),
        "docs/diagnostics.md": diagnostics(),
        "specs/README.md": zoo(),
        "docs/safety.md": safety(),
    }
    stale = [name for name, text in pages.items() if not _current(ROOT / name, text.encode())]
    for name, (variant, options) in PICTURES.items():
        target = ROOT / "docs" / "images" / name
        fresh = target.with_name(f".fresh-{name}")
        archdsl.load(variant).draw(fresh, **options)
        data = fresh.read_bytes()
        fresh.unlink()
        if not _current(target, data):
            stale.append(f"docs/images/{name}")
            if not check:
                target.write_bytes(data)
    if check:
        for name in stale:
            print(f"{name} is stale: `make docs` writes it anew", file=sys.stderr)
        return 1 if stale else 0
    for name, text in pages.items():
        (ROOT / name).write_text(text, encoding="utf-8")
    return 0


PICTURES: dict[str, tuple[str, dict[str, object]]] = {
    "residual.svg": (str(ROOT / "docs" / "residual.arch"), {}),
    "alexnet.svg": ("alexnet", {}),
}


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
            lines += ["", *_operator(operator)]
    lines += ["", "## Initialisers", "", "| name | weights |", "|---|---|"]
    for name, kind in INITIALISERS.items():
        shown = name + (f"({', '.join(kind.arguments)})" if kind.arguments else "")
        lines.append(f"| `{shown}` | {kind.summary} |")
    return "\n".join(lines) + "\n"


def _operator(operator: type[Operator]) -> list[str]:
    text = " ".join(line.strip() for line in (operator.__doc__ or "").strip().splitlines())
    tensors = ", ".join(operator.inputs) + ("…" if operator.variadic is not None else "")
    lines = [f"### {operator.name}", "", text, "", f"Tensors: {tensors or 'none'}."]
    found = parameters(operator)
    if found:
        lines += ["", "| parameter | takes | default | |", "|---|---|---|---|"]
        for p in found:
            default = "" if p.default is REQUIRED or p.default is None else f"`{_spell(p.default)}`"
            name = f"`{p.name}`" if p.positional else f"`{p.name} =`"
            lines.append(f"| {name} | {p.kind.describe()} | {default} | {p.doc} |")
    examples = [f"`{e.step}`: {_shapes(e.inputs)} → {_shapes(e.output)}" for e in operator.examples]
    return [*lines, "", *(f"* {example}" for example in examples)]


def _spell(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _shapes(shapes: tuple[object, ...]) -> str:
    if shapes and isinstance(shapes[0], tuple):
        return ", ".join(str(list(shape)) for shape in shapes if isinstance(shape, tuple))
    return str(list(shapes)) if shapes else "[]"


def diagnostics() -> str:
    """What each code of a diagnostic means, from the catalogue."""
    lines = ["# Diagnostics", "", NOTE, ""]
    lines += [
        "What the code in `error[code]` means. `tests/faults/` has a spec for each, with the message it gives.",
        "",
    ]
    lines += ["| code | | why | exit status |", "|---|---|---|---:|"]
    lines += [f"| `{code}` | {e.summary} | {e.why} | {e.exit_status} |" for code, e in sorted(CATALOGUE.items())]
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
    lines += ["Load one by its name: `archdsl report resnet50`. Figures are for a batch of 1.", ""]
    file = None
    for entry in entries():
        if entry.file != file:
            file = entry.file
            lines += ["", f"## [{file}]({file})", "", entry.source, ""]
            lines += ["| name | input | parameters | MACs |", "|---|---|---:|---:|"]
        lines.append(f"| `{entry.name}` | {entry.input} | {entry.params:,} | {entry.macs:,} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
