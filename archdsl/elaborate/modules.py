"""Shared modules: made once, applied any number of times with the same weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from archdsl.definitions import callee
from archdsl.diagnostics import Label, did_you_mean
from archdsl.elaborate.blocks import Blocks
from archdsl.elaborate.builder import GraphBuilder
from archdsl.elaborate.evaluator import Evaluator
from archdsl.elaborate.faults import Fault, Poisoned
from archdsl.elaborate.operations import Operations
from archdsl.elaborate.tensor import TensorValue
from archdsl.elaborate.values import Context, SharedModule, is_tensors
from archdsl.habits import unknown_operator
from archdsl.ops import OPERATORS, Weighted, words
from archdsl.syntax import tree


class Modules:
    """Makes shared modules and applies them."""

    def __init__(self, builder: GraphBuilder, evaluator: Evaluator, operations: Operations, blocks: Blocks) -> None:
        self._builder = builder
        self._evaluator = evaluator
        self._operations = operations
        self._blocks = blocks
        self._uses: Counter[str] = Counter()  # of the module at a path
        self._broken: set[str] = set()  # paths of modules with a fault inside

    def new(self, new: tree.NewModule, context: Context, label: str | None) -> SharedModule:
        """`module callee(…)`: what it stands for, with its arguments evaluated. Raises `Fault`."""
        call = new.call
        name = call.callee.id
        found = callee(name, context.definitions, step=True)
        if found is None:
            known = [*OPERATORS, *context.definitions.blocks]
            raise Fault(unknown_operator(name, known, call.callee.span, context.blocks))
        bare = words(found.operator) if found.operator is not None else frozenset[str]()
        positional, named = self._evaluator.arguments(call, [], bare, context)
        path = self._builder.step_path(label, name, new.span, context)
        if found.block is not None:
            block, definitions = found.block
            return SharedModule(block, call, path, replace(context, definitions=definitions), positional, named)
        assert found.operator is not None
        return SharedModule(found.operator, call, path, context, positional, named)

    def weight(self, module: SharedModule, attribute: tree.Attribute, context: Context) -> TensorValue:
        """A weight of a module as a tensor. Raises `Fault`, or `Poisoned` after a fault inside."""
        name, what = attribute.name, attribute.value.span.text
        made = (Label(module.call.span, "made here"),)
        if module.path in self._broken:
            raise Poisoned
        if isinstance(module.callee, tree.Block):
            message = f"`{what}` is a block, which has no `{name}` of its own"
            help = "share the layer itself: `m = module linear(…)`, then `m.weight`"
            raise context.fault("unknown-attribute", message, attribute.span, made, help=help)
        lends = module.callee.lends if issubclass(module.callee, Weighted) else ()
        if name not in lends:
            has = " and ".join(f"`{one}`" for one in lends)
            message = f"`{what}`, an operator `{module.callee.name}`, has no `{name}` that others could use"
            way = did_you_mean(name, lends) or (f"it has {has}" if has else None)
            raise context.fault("unknown-attribute", message, attribute.span, made, help=way)
        if not self._uses[module.path]:
            message = f"`{what}` has no `{name}` yet: its sizes follow from its first input"
            help = f"apply it before: `x -> {what}`"
            raise context.fault("unknown-attribute", message, attribute.span, made, help=help)
        found = self._builder.weight(module.path, name, attribute.span)
        if found is None:
            message = f"`{what}` has no {name}, as it is made"
            raise context.fault("unknown-attribute", message, attribute.span, made, help=f"leave out `{name} = false`")
        return found

    def apply(
        self, module: SharedModule, call: tree.Call, fed: Sequence[Any], label: str | None, context: Context
    ) -> Any:
        """The value of a module on tensors. Raises `Fault`, or `Poisoned` after a fault inside."""
        tensors, named = self._evaluator.arguments(call, fed, frozenset(), context)
        if named or label is not None or not all(map(is_tensors, tensors)):
            message = f"`{call.callee.id}` is a module that exists already: it takes tensors, and no label"
            raise context.fault("wrong-arity", message, call.span, (Label(module.call.span, "made here"),))
        self._uses[module.path] += 1
        made = module.context
        checkpoint = context.marks.checkpoint
        if checkpoint is None and made.marks.checkpoint is not None:
            checkpoint = self._builder.next_region()
        marks = replace(
            context.marks,
            device=context.marks.device or made.marks.device,
            train=context.marks.train or made.marks.train,
            frozen=context.marks.frozen or made.marks.frozen,
            checkpoint=checkpoint,
        )
        inner = replace(made, marks=marks, blocks=context.blocks, reuse=self._uses[module.path])
        arguments = [*tensors, *module.positional]
        if module.path in self._broken:  # its later uses would differ from what there is of the first
            raise Poisoned
        before = self._evaluator.faults.met
        try:
            if isinstance(module.callee, tree.Block):
                return self._blocks.instance(
                    module.callee, made.definitions, arguments, module.named, module.call, None, module.path, inner
                )
            return self._operations.operate(
                module.callee, arguments, module.named, module.call, None, inner, module.path
            )
        except (Fault, Poisoned):
            self._broken.add(module.path)
            raise
        finally:
            if self._evaluator.faults.met > before:
                self._broken.add(module.path)
