"""Calls: of shared modules, blocks, operators and functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archdsl import evaluate
from archdsl.definitions import callee, callees
from archdsl.elaborate.blocks import Blocks
from archdsl.elaborate.evaluator import Evaluator
from archdsl.elaborate.faults import POISON, Fault, Poisoned
from archdsl.elaborate.modules import Modules
from archdsl.elaborate.operations import Operations
from archdsl.elaborate.values import Context, SharedModule, is_tensors
from archdsl.habits import unknown_operator
from archdsl.ops import OPERATORS, words
from archdsl.ops.initialiser import INITIALISERS
from archdsl.syntax import tree


class Calls:
    """Evaluates calls."""

    def __init__(self, evaluator: Evaluator, operations: Operations, blocks: Blocks, modules: Modules) -> None:
        self._evaluator = evaluator
        self._operations = operations
        self._blocks = blocks
        self._modules = modules

    def alone(self, call: tree.Call, context: Context, label: str | None) -> Any:
        """The value of a call that nothing is fed to."""
        return self.value(call, [], label, context, step=False)

    def value(self, call: tree.Call, fed: Sequence[Any], label: str | None, context: Context, *, step: bool) -> Any:
        """The value of a call; what is `fed` comes before its arguments. Raises `Fault`, `ValueFault`, `Poisoned`."""
        name = call.callee.id
        binding = context.scope.find(name)
        if binding is not None and isinstance(binding.value, SharedModule):
            return self._modules.apply(binding.value, call, fed, label, context)
        if binding is not None and binding.value is POISON and name not in OPERATORS:
            raise Poisoned
        found = callee(name, context.definitions, step=step)
        if found is None:
            known = callees(context.definitions, step=step)
            raise Fault(unknown_operator(name, known, call.callee.span, context.blocks))
        bare = words(found.operator) if found.operator is not None and not found.function else frozenset[str]()
        positional, named = self._evaluator.arguments(call, fed, bare, context)
        if name in INITIALISERS and found.block is None and not (positional or named):  # `zeros()`
            return evaluate.initialiser(name, ())
        if found.block is not None:
            return self._blocks.instance(*found.block, positional, named, call, label, None, context)
        if found.operator is not None and (not found.function or any(map(is_tensors, positional))):
            return self._operations.operate(found.operator, positional, named, call, label, context)
        if found.function:
            return self._evaluator.function(name, positional, named, label)
        return evaluate.initialiser(name, positional)
