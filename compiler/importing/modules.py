"""A module of torch as a spec: both phases looked at, and recovered."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import torch
from torch import Tensor, nn

from archdsl.importing.program import ForeignProgram, Missing, NotImported
from archdsl.importing.spec import Imported, spec_of
from compiler.importing.factory import Original
from compiler.importing.program import exported, program_of
from compiler.importing.proof import called, kept, output_names, restore, tensors, tensors_alone


@dataclass(frozen=True)
class TracedInputs:
    """The inputs that a module is traced with, under the names that they have in the spec."""

    names: list[str]
    tensors: list[Tensor]


def import_modules(subjects: Sequence[Original], given: TracedInputs, name: str | None = None) -> Iterator[Imported]:
    """The spec of modules, with a variant for each where they are several; behind it the one that says each call as it
    is, where that is another: last bits may need it. Raises `NotImported`."""
    programs = [program(subject, given) for subject in subjects]
    cls = name or type(subjects[0].model).__name__
    simple = spec_of(*programs, cls=cls)
    yield simple
    literal = spec_of(*programs, cls=cls, literally=True)
    if literal != simple:
        yield literal


def program(subject: Original, given: TracedInputs) -> ForeignProgram:
    """The module's program in training, with the modules that inference has: all but those that only training calls,
    since of some only the weights are read. Raises `NotImported`."""
    model, phase = subject.model, subject.model.training
    if isinstance(model, torch.jit.ScriptModule):
        reason = "holds no Python to follow: give the nn.Module that it was made of"
        raise NotImported([Missing("TorchScript", reason, "", 1)])
    try:
        with torch.no_grad(), called(model) as used:
            fewer = _run(model.eval(), given)
        with torch.no_grad(), called(model) as trained:
            outputs = _run(model.train(), given)
        if not tensors(outputs):
            raise NotImported([Missing("the output", "the module gives no tensor", "", 1)])
        found = _exported(subject, given, outputs)
    finally:
        model.train(phase)
    paths = frozenset(path for path, _ in model.named_modules()) - (trained - used)
    return replace(found, in_inference=paths, only_training=frozenset(_lacking(fewer, outputs)))


def _lacking(inference: Any, training: Any) -> set[int]:
    """The numbers of the outputs that training has and inference lacks: by their names, or the last ones."""
    some, names = output_names(inference), output_names(training)
    if some and names:
        return {number for number, name in enumerate(names) if name not in some}
    return set(range(len(tensors(inference)), len(tensors(training))))


def _exported(subject: Original, given: TracedInputs, outputs: Any) -> ForeignProgram:
    try:
        with tensors_alone(subject.model):
            ep = exported(subject.model, given.tensors)
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise NotImported([Missing("torch.export", f"{type(error).__name__}: {reason}", "", 1)]) from None
    names = output_names(outputs)
    names = names if len(names) == len(tensors(outputs)) else []
    return program_of(ep, subject.name, given.names, names, subject.seeds)


def _run(model: nn.Module, given: TracedInputs) -> Any:
    """The outputs of a module, which is the same afterwards."""
    state = kept(model) if model.training else {}
    try:
        return model(*given.tensors)
    except Exception as error:
        pairs = zip(given.names, given.tensors, strict=False)
        shapes = ", ".join(f"{name}={'x'.join(map(str, tensor.shape))}" for name, tensor in pairs)
        lines = str(error).splitlines() or [""]
        reason = f"does not run with {shapes}: {type(error).__name__}: {lines[0]}"
        raise NotImported([Missing("the module itself", reason, "", 1)]) from None
    finally:
        if state:
            restore(model, state)


def given(subject: Original, values: Sequence[Tensor], names: Sequence[str]) -> TracedInputs:
    """Tensors under the names that they are given, or that the module's forward has for them. Raises `NotImported` for
    what is no tensor, or has no dimensions."""
    for number, value in enumerate(values):
        name = f"`{names[number] if names else number}`"
        if not isinstance(value, Tensor):
            reason = f"{name} is a {type(value).__name__}: only tensors are inputs of a network"
            raise NotImported([Missing("the input", reason, "", 1)])
        if value.dim() == 0:
            raise NotImported([Missing("the input", f"{name} has no dimensions, and an input has a batch", "", 1)])
    if names:
        return TracedInputs(list(names), list(values))
    found = parameters(subject.model)
    return TracedInputs([*found, *(f"x{i}" for i in range(len(found), len(values)))][: len(values)], list(values))


def parameters(model: nn.Module) -> list[str]:
    """What the arguments of a module's forward are called."""
    code = getattr(inspect.getattr_static(type(model), "forward", None), "__code__", None)
    return list(code.co_varnames[1 : code.co_argcount]) if code is not None else []


KINDS: Final[Mapping[str, Callable[[Sequence[int], torch.Generator], Tensor]]] = {
    "float32": lambda size, generator: torch.randn(tuple(size), generator=generator),
    "int64": lambda size, generator: torch.randint(0, 2, tuple(size), generator=generator),
}


def sample(subject: Original, shapes: Mapping[str, Sequence[int]]) -> TracedInputs:
    """Tensors of these shapes, of a type with which the module runs: numbers, or indices. A batch is two at least."""
    sizes = [(max(2, shape[0]), *shape[1:]) for shape in (shapes or guessed(subject)).values()]
    names = list(shapes or guessed(subject))
    generator = torch.Generator().manual_seed(0)
    model, phase = subject.model, subject.model.training
    found = [TracedInputs(names, [kind(size, generator) for size in sizes]) for kind in KINDS.values()]
    for one in found:
        try:
            with torch.no_grad():
                model.eval()(*one.tensors)
            return one
        except Exception:
            continue
        finally:
            model.train(phase)
    return found[0]


def guessed(subject: Original) -> dict[str, tuple[int, ...]]:
    """The input that a classifier of images takes, by its configuration or its first layer. Raises `NotImported`."""
    config = getattr(subject.model, "pretrained_cfg", None)
    if isinstance(config, Mapping) and len(config.get("input_size") or ()) == 3:
        return {"image": (1, *config["input_size"])}
    first = next((one for one in subject.model.modules() if isinstance(one, (nn.Conv2d, nn.Linear))), None)
    if isinstance(first, nn.Conv2d):
        return {"image": (1, first.in_channels, 224, 224)}
    raise NotImported([Missing("the input", "its shape is not known: give it with --input x=1x3x224x224", "", 1)])
