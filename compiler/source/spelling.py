"""How people write what torch computes: calls of its modules and functions, in infix notation where there is one."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from archdsl.diagnostics import Diagnostic
from archdsl.errors import SpecError
from archdsl.instances.written import literal
from archdsl.ops.merge import folds
from compiler.fx.targets import resolve
from compiler.source.library import Library, in_place, is_ours

MODULES: Final = "torch.nn."
FUNCTIONS: Final = "torch.nn.functional."
INFIX: Final = {
    "operator.add": "+", "operator.sub": "-", "operator.mul": "*", "operator.truediv": "/", "torch.matmul": "@",
}  # fmt: skip


class SourceText(str):
    """An expression. `atom` is what it is where something binds it."""

    @property
    def atom(self) -> str:
        return self if re.fullmatch(r"[\w.]+(\([^()]*\)|\[[^\[\]]*\])*", self) or _closed(self) else f"({self})"


SIGNS: Final = {"+": 1, "-": 1, "*": 2, "/": 2, "@": 2}


def is_infix(text: str) -> bool:
    """Whether an operator stands outside of all brackets."""
    return weakest(text) < 3


def weakest(text: str) -> int:
    """How strongly the weakest operator outside of brackets is: 0 for a word or comparison, 3 where there is none."""
    depth, found = 0, 3
    words = text.split(" ")
    for word in words:
        if depth == 0 and word in SIGNS:
            found = min(found, SIGNS[word])
        elif depth == 0 and word in ("if", "else", "and", "or", "not", "==", "<", ">", "<=", ">=", "!=", "//", "**"):
            found = 0
        depth += sum(word.count(char) for char in "([{") - sum(word.count(char) for char in ")]}")
    return found


def _closed(text: str) -> bool:
    """Whether an expression is a call, an item or a name: nothing outside of brackets but dots and names."""
    depth = 0
    for char in text:
        if char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif depth == 0 and not (char.isalnum() or char in "._"):
            return False
    return True


@cache
def signature(name: str) -> dict[str, Any]:
    """The parameters of torch's module or function with their defaults (`inspect.Parameter.empty` for none)."""
    try:
        return {name: p.default for name, p in inspect.signature(resolve(name)).parameters.items()}
    except (ValueError, TypeError):
        return {}


def called(name: str) -> str:
    """What a file calls something of torch."""
    if name.startswith(FUNCTIONS):
        return f"F.{name.removeprefix(FUNCTIONS)}"
    return f"nn.{name.removeprefix(MODULES)}" if name.startswith(MODULES) else name


def given(name: str, arguments: dict[str, str], extra: int = 0) -> str:
    """Arguments of torch's module or function: those without a default by place, others by name, defaults left out."""
    known = signature(name)
    texts: list[str] = []
    by_place = True
    order = [*(k for k in known if k in arguments), *(k for k in arguments if k not in known)]
    for key in order:
        text, default = arguments[key], known.get(key, inspect.Parameter.empty)
        if default is not inspect.Parameter.empty and text == literal(default):
            by_place = False
            continue
        if key == "stride" and default is None and text == arguments.get("kernel_size"):
            continue
        at = list(known).index(key) if key in known else -1
        first = len(texts) == 0 and at == 0 and not extra
        if by_place and at == len(texts) and (default is inspect.Parameter.empty or first):
            texts.append(text)
        else:
            by_place = False
            texts.append(f"{key}={text}")
    return ", ".join(texts)


def refuse_own(name: str, layer: str) -> None:
    """Raise `SpecError` for what is not torch's: source needs nothing else."""
    if name.partition(".")[0] not in ("torch", "operator"):
        message = f"`{layer}` is computed by `{name}`, an operator of your own, and source needs nothing but torch"
        help = "`net.compile()` has it; or give the operator a target in torch"
        raise SpecError([Diagnostic("not-exportable", message, help=help)])


def call(
    invoke: Any,
    operator: Any,
    tensors: Sequence[SourceText],
    args: Sequence[str],
    kwargs: dict[str, str],
    library: Library,
    idiom: str | None,
) -> str:
    """A function at work."""
    target = invoke.target
    folded = target.kind == "function" and folds(operator, tensors)
    if target.name in INFIX and len(tensors) + len(args) >= 2:
        sign = INFIX[target.name]
        items = [*tensors, *(SourceText(arg) for arg in args)]
        if args and sign == "*":
            items.reverse()
        own = SIGNS[sign]
        texts = [item if weakest(item) >= own + (i > 0) else item.atom for i, item in enumerate(items)]
        return f" {sign} ".join(texts)
    if idiom is not None:
        fields = {**{str(i): text for i, text in enumerate(args)}, **kwargs}
        return idiom.format(
            *tensors, all=", ".join(tensors), args=list(args), **{k: v for k, v in fields.items() if k.isidentifier()}
        )
    if folded:
        joined = tensors[0]
        for other in tensors[1:]:
            joined = SourceText(f"{called(target.name)}({joined}, {other})")
        return joined
    if is_ours(target.name):
        placed = in_place(target.name, tensors, args, kwargs, target.pack)
        if placed is not None:
            return placed
        name = library.add(target.name)
        given_ = [
            *([f"[{', '.join(tensors)}]"] if target.pack else tensors),
            *args,
            *(f"{k}={v}" for k, v in kwargs.items()),
        ]
        return f"{name}({', '.join(given_)})"
    refuse_own(target.name, invoke.layer)
    first = [f"[{', '.join(tensors)}]"] if target.pack else list(tensors)
    named = given(target.name, kwargs, extra=1)
    return f"{called(target.name)}({', '.join([*first, *args, *([named] if named else [])])})"
