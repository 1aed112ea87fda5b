"""The proof that an imported network is the original: its keys, and its outputs in inference and in training."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

DROPOUTS: Final = frozenset(
    {
        "dropout",
        "dropout_",
        "dropout1d",
        "dropout2d",
        "dropout3d",
        "alpha_dropout",
        "feature_dropout",
        "feature_alpha_dropout",
    }
)


RECURRENT: Final = frozenset({"lstm", "gru", "rnn_tanh", "rnn_relu"})


@dataclass(frozen=True)
class Proof:
    """What was compared. Differences are the greatest of all outputs, 0 where they are equal to the last bit; None
    where nothing could be compared, and `reason` says why."""

    keys: int
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    inference: float | None
    training: float | None
    reason: str = ""

    @property
    def strict(self) -> bool:
        return not self.missing and not self.unexpected

    @property
    def equal(self) -> bool:
        """Whether all is proved: the keys strictly, the outputs to the last bit."""
        return self.strict and self.inference == 0 and self.training == 0

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> Iterator[str]:
        yield f"{self.keys} keys of the state_dict {'loaded strictly' if self.strict else 'do not all correspond'}"
        for word, names in (("not in the original", self.missing), ("only in the original", self.unexpected)):
            if names:
                more = f" and {len(names) - 4} more" if len(names) > 4 else ""
                yield f"  {word}: {', '.join(names[:4])}{more}"
        for phase, difference in (("inference", self.inference), ("training", self.training)):
            if difference is not None:
                apart = f"differ by up to {difference:.2e}" if difference else "are equal to the last bit"
                yield f"outputs in {phase} {apart}"
        if self.reason:
            yield f"not compared: {self.reason}"


class Certain(TorchFunctionMode):
    """Nothing is left to chance: dropout drops nothing, and what is drawn is 1."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in DROPOUTS:
            return args[0] if args else kwargs["input"]
        if name in ("randn_like", "rand_like"):
            return torch.ones_like(args[0])
        if name == "bernoulli_":
            return args[0].fill_(1)
        if name == "multi_head_attention_forward":  # within which nothing is seen
            args = (*args[:10], 0.0, *args[11:])
        if name in RECURRENT:
            args = (*args[:5], 0.0, *args[6:])  # the sequence, first states, weights, biases, layers, dropout
        if name == "scaled_dot_product_attention":
            args = (*args[:4], 0.0, *args[5:]) if len(args) > 4 else args
            kwargs = {**kwargs, "dropout_p": 0.0} if "dropout_p" in kwargs else kwargs
        return func(*args, **kwargs)


def prove(model: nn.Module, compiled: nn.Module, inputs: Sequence[Tensor]) -> Proof:
    """Load the original's weights into what was compiled, and compare outputs. The original stays as it is."""
    state = model.state_dict()
    try:
        keys = compiled.load_state_dict(state, strict=False)
    except RuntimeError as error:
        own = compiled.state_dict().keys()
        missing, unexpected = tuple(sorted(own - state.keys())), tuple(sorted(state.keys() - own))
        return Proof(len(state), missing, unexpected, None, None, str(error).splitlines()[-1].strip())
    missing, unexpected = tuple(sorted(keys.missing_keys)), tuple(sorted(keys.unexpected_keys))
    reason = ""
    differences: list[float | None] = []
    for training in (False, True):
        try:
            differences.append(_difference(model, compiled, inputs, training))
        except Exception as error:
            reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            differences.append(None)
    return Proof(len(state), missing, unexpected, differences[0], differences[1], reason)


def _difference(model: nn.Module, compiled: nn.Module, inputs: Sequence[Tensor], training: bool) -> float:
    with torch.no_grad(), Certain():
        results = []
        for one in (copy.deepcopy(model), compiled):
            was = one.training
            one.train(training)
            state = kept(one)
            results.append(tensors(one(*inputs)))
            restore(one, state)
            one.train(was)
    first, second = results
    if len(first) != len(second):
        raise ValueError(f"{len(first)} outputs in the original, {len(second)} here")
    return max((_apart(a, b) for a, b in zip(first, second, strict=True)), default=0.0)


def kept(model: nn.Module) -> dict[str, Tensor]:
    """Copies of what a run may change."""
    return {name: value.clone() for name, value in model.state_dict().items() if isinstance(value, Tensor)}


def restore(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Put back what a run has changed: running statistics."""
    for name, tensor in model.state_dict().items():
        if name in state:
            tensor.copy_(state[name])


def _apart(a: Tensor, b: Tensor) -> float:
    if a.shape != b.shape:
        raise ValueError(f"an output of {list(a.shape)} in the original, {list(b.shape)} here")
    return 0.0 if torch.equal(a, b) else float((a.double() - b.double()).abs().max().nan_to_num(float("inf")))


def tensors(outputs: Any) -> list[Tensor]:
    """The tensors among outputs, in order."""
    return [one for one in tree_leaves(outputs) if isinstance(one, Tensor)]


def output_names(outputs: Any) -> list[str]:
    """What the outputs are called: keys, or fields of a named tuple; nothing where they have no names."""
    if isinstance(outputs, Mapping):
        return [key for key, value in outputs.items() if isinstance(value, Tensor)]
    fields: Sequence[str] = getattr(outputs, "_fields", ())
    return [name for name in fields if isinstance(getattr(outputs, name), Tensor)]


@contextmanager
def tensors_alone(model: nn.Module) -> Iterator[None]:
    """Let a module give the tensors among its outputs, in order, and nothing else: no caches, no numbers."""
    forward = model.forward

    @functools.wraps(forward)
    def alone(*args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
        return tuple(tensors(forward(*args, **kwargs)))

    own = "forward" in vars(model)
    model.forward = alone
    try:
        yield
    finally:
        if own:
            model.forward = forward
        else:
            del model.forward


@contextmanager
def called(model: nn.Module) -> Iterator[set[str]]:
    """The paths of the modules that are called meanwhile."""
    found: set[str] = set()
    hooks = [
        module.register_forward_pre_hook(lambda _module, _inputs, path=path: found.add(path))
        for path, module in model.named_modules(remove_duplicate=False)
    ]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()
