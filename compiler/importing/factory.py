"""`MODULE:FACTORY(arguments)`, or `file.py:FACTORY(arguments)`: finds what makes a module, calls it, and notes what
each part of it was made with.

Importing a module runs its code, as `python -m` would: the user asks for it by naming it.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import torch
from torch import nn

Seeds = dict[str, dict[str, Any]]
OWN: Final = frozenset({"training", "call_super_init", "dump_patches"})


class FactoryError(ValueError):
    """A factory that cannot be found or called; the message says why."""


@dataclass(frozen=True)
class Original:
    """A module with its name, and the numbers that each of its parts was made with, by path."""

    name: str
    model: nn.Module
    seeds: Mapping[str, Mapping[str, Any]]


def subject_of(model: nn.Module, name: str | None = None) -> Original:
    """A module that is there already: its parts are known by their attributes. Raises `TypeError`."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"a torch.nn.Module is imported, found a {type(model).__name__}")
    return Original(name or type(model).__name__, model, seeds_of(model, {}))


def made(text: str, seed: int = 0) -> Original:
    """The module of `MODULE:FACTORY` or `MODULE:FACTORY(arguments)`. Raises `FactoryError`."""
    place, _, call = text.partition(":")
    function, arguments, keywords = parsed(call, text)
    found = _found(place, function)
    torch.manual_seed(seed)
    if isinstance(found, nn.Module):
        return subject_of(found, function)
    notes: dict[int, dict[str, Any]] = {}
    try:
        with noting(notes):
            model = found(*arguments, **keywords)
    except Exception as error:
        raise FactoryError(f"`{text}` failed: {type(error).__name__}: {error}") from error
    if not isinstance(model, nn.Module):
        raise FactoryError(f"`{text}` gives a {type(model).__name__}, no torch.nn.Module")
    named = next((value for value in arguments if isinstance(value, str)), function)  # timm.create_model("resnet26")
    return Original(named if arguments else function.rpartition(".")[2], model, seeds_of(model, notes))


def parsed(call: str, text: str) -> tuple[str, list[Any], dict[str, Any]]:
    """A factory's name and the values it is called with, which are literals."""
    try:
        node = ast.parse(call, mode="eval").body
        if not isinstance(node, ast.Call):
            return ast.unparse(node), [], {}
        arguments = [ast.literal_eval(one) for one in node.args]
        keywords = {one.arg or "": ast.literal_eval(one.value) for one in node.keywords}
        return ast.unparse(node.func), arguments, keywords
    except (SyntaxError, ValueError):
        raise FactoryError(f"`{text}` is not MODULE:FACTORY or MODULE:FACTORY(name=value, …)") from None


def _found(place: str, function: str) -> Any:
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        if place.partition(".")[0] in ("torchvision", "timm"):
            declare_torchvision()
        found: Any = _of_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
        for name in function.split("."):
            found = getattr(found, name)
    except AttributeError:
        raise FactoryError(f"the module `{place}` has no `{function}`") from None
    except Exception as error:
        raise FactoryError(f"cannot import `{place}`: {type(error).__name__}: {error}") from error
    return found


def _of_file(path: Path) -> ModuleType:
    """The module that a file is, wherever it lies."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)  # classes are looked up by the module's name
    spec.loader.exec_module(module)
    return module


_DECLARED: list[Any] = []  # what a library defines lives as long as it


def declare_torchvision() -> None:
    """Let torchvision be imported where its extension does not fit torch: it registers all the same what traces two
    operators of that, which must be declared. They cannot be called then, and no classifier does."""
    if _DECLARED or "torchvision" in sys.modules:
        return
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        with contextlib.suppress(RuntimeError):  # the extension itself has declared it
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _DECLARED.append(library)


@contextlib.contextmanager
def noting(notes: dict[int, dict[str, Any]]) -> Iterator[None]:
    """Note the arguments with which modules are made meanwhile, by the modules' ids."""

    def profile(frame: Any, event: str, argument: Any) -> None:
        if event != "call" or frame.f_code.co_name != "__init__":
            return
        code, names = frame.f_code, frame.f_locals
        count = code.co_argcount + code.co_kwonlyargcount
        itself = names.get(code.co_varnames[0]) if count else None
        if isinstance(itself, nn.Module):
            own = notes.setdefault(id(itself), {})
            for name in code.co_varnames[1:count]:
                if _plain(names.get(name)):
                    own.setdefault(name, names[name])

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(before)


def seeds_of(model: nn.Module, notes: Mapping[int, Mapping[str, Any]]) -> Seeds:
    """The numbers that each part was made with, and those that it has as attributes."""
    found: Seeds = {}
    for path, module in model.named_modules():
        own = {name: value for name, value in notes.get(id(module), {}).items() if _plain(value)}
        for name, value in vars(module).items():
            if not name.startswith("_") and name not in OWN and _plain(value) and not isinstance(value, bool):
                own.setdefault(name, value)
        found[path] = own
    return found


def _plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return 0 < len(value) <= 4 and all(isinstance(one, int) for one in value)
    return isinstance(value, (bool, int, float))
