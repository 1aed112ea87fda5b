"""The compiled network: a `torch.fx.GraphModule` with a graph for training and one for inference."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import fx, nn

from archdsl.diagnostics import Diagnostic
from archdsl.errors import SpecError
from compiler.fx.given_targets import given_targets


class CompiledNetwork(fx.GraphModule):
    """A network's modules and the two fx graphs that run them.

    `train()` and `eval()` switch between the graphs; parameters and `state_dict` keys are the same in both, and the
    keys are the spec's paths.
    """

    _graphs: dict[bool, fx.Graph]
    _losses: dict[int, fx.GraphModule | None]
    _targets: tuple[str, ...]
    _aliases: Mapping[str, str]

    def __init__(
        self,
        root: nn.Module,
        graphs: dict[bool, fx.Graph],
        losses: dict[int, fx.GraphModule | None],
        targets: tuple[str, ...] = (),
        aliases: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`graphs` by whether training, `losses` by the number of outputs that they take, after which they take
        `targets`; `aliases` as an assembly has them."""
        super().__init__(nn.Module(), fx.Graph(), type(self).__name__)
        for registry in ("_parameters", "_buffers", "_modules"):
            getattr(self, registry).update(getattr(root, registry))
        self._non_persistent_buffers_set = set(root._non_persistent_buffers_set)
        # Not as attributes of a module: neither is part of the network's structure.
        self.__dict__["_graphs"] = graphs
        self.__dict__["_losses"] = losses
        self.__dict__["_targets"] = targets
        self.__dict__["_aliases"] = aliases
        self.training = root.training
        self._show(graphs[self.training])

    def train(self, mode: bool = True) -> CompiledNetwork:
        """Switch to the training graph (or, with False, to that of inference). Raises `SpecError` for a network that
        was rewritten for inference, which has none."""
        if mode not in self._graphs:
            message, help = "the network was rewritten for inference, and is not trained", "rewrite it for training"
            raise SpecError([Diagnostic("bad-rewrite", message, help=help)])
        super().train(mode)
        wanted = self._graphs[mode]
        if self.graph is not wanted:
            self._show(wanted)
        return self

    def _show(self, graph: fx.Graph) -> None:
        """Make a graph the one that runs; `forward` is compiled anew."""
        fx.GraphModule.graph.fset(self, graph)  # type: ignore[attr-defined]

    def _load_from_state_dict(self, state_dict: dict[str, torch.Tensor], prefix: str, *others: Any) -> None:
        """Checkpoints of others may hold a weight that two layers share under both names, or under one alone."""
        for alias, key in self._aliases.items():
            again = state_dict.pop(prefix + alias, None)
            if again is not None and not torch.equal(state_dict.setdefault(prefix + key, again), again):
                errors: list[str] = others[-1]
                errors.append(f"`{alias}` differs from `{key}`, of which it is the weight")
        super()._load_from_state_dict(state_dict, prefix, *others)

    def loss(self, outputs: Any, target: torch.Tensor | Mapping[str, torch.Tensor] | None = None) -> torch.Tensor:
        """The network's own loss of what `forward` returned.

        `target` is what it is compared with: one tensor, a mapping of names to tensors where the spec declares several
        targets, or nothing where the loss takes none. Of the outputs of inference, it is the loss without the terms
        over outputs that exist in training only. Raises `ValueError` for outputs and targets that are not those.
        """
        values = outputs if isinstance(outputs, tuple) else (outputs,)
        if not self._losses:
            raise ValueError("the spec of this network has no `loss` statement")
        if len(values) not in self._losses:
            expected = " or ".join(str(count) for count in sorted(self._losses))
            raise ValueError(f"the loss takes {expected} outputs, found {len(values)}")
        function = self._losses[len(values)]
        if function is None:
            raise ValueError("in inference nothing is left of the loss: its outputs exist in training only")
        value: torch.Tensor = function(*values, *given_targets(self._targets, target))
        return value

    def __copy__(self) -> CompiledNetwork:
        """A network of its own over the same modules, as `copy.copy` of any module is."""
        root = nn.Module()
        for registry in ("_parameters", "_buffers", "_modules"):
            setattr(root, registry, dict(getattr(self, registry)))
        return self._with(root)

    def __deepcopy__(self, memo: dict[int, Any]) -> CompiledNetwork:
        root = nn.Module()
        for registry in ("_parameters", "_buffers", "_modules"):
            setattr(root, registry, copy.deepcopy(getattr(self, registry), memo))
        copied = self._with(root)
        copied.meta = copy.deepcopy(self.meta, memo)
        memo[id(self)] = copied
        return copied

    def _with(self, root: nn.Module) -> CompiledNetwork:
        """The same graphs over the modules of another root."""
        root._non_persistent_buffers_set = set(self._non_persistent_buffers_set)
        root.training = self.training
        copies = {id(graph): copy.deepcopy(graph) for graph in self._graphs.values()}
        graphs = {mode: copies[id(graph)] for mode, graph in self._graphs.items()}
        copied = CompiledNetwork(root, graphs, self._losses, self._targets, self._aliases)
        copied.meta = dict(self.meta)
        return copied

    def __reduce__(self) -> Any:
        raise TypeError("a compiled network is not pickled: save `state_dict()`, and compile the spec again to load it")
