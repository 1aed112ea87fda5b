"""The parts that run a spec, put together: each is handed those that it needs."""

from __future__ import annotations

from archdsl.elaborate.blocks import Blocks
from archdsl.elaborate.bodies import BodyRunner
from archdsl.elaborate.builder import GraphBuilder
from archdsl.elaborate.calls import Calls
from archdsl.elaborate.evaluator import Evaluator
from archdsl.elaborate.faults import Faults
from archdsl.elaborate.labels import Labels
from archdsl.elaborate.modules import Modules
from archdsl.elaborate.operations import Layers, Operations
from archdsl.elaborate.steps import Steps
from archdsl.syntax import tree


class Interpreter:
    """Runs expressions and bodies; every layer goes to the graph builder, every fault to `faults`.

    `operations` says what operators make, if not layers alone: in a loss they take the target, too.
    """

    def __init__(self, builder: GraphBuilder, operations: Operations | None = None) -> None:
        operations = operations or Layers(builder)
        self.faults = Faults()
        self.evaluator = Evaluator(builder.work, self.faults, operations)
        self.bodies = BodyRunner(self.evaluator)
        blocks = Blocks(builder, self.evaluator, self.bodies)
        modules = Modules(builder, self.evaluator, operations, blocks)
        self.evaluator.weight_of = modules.weight
        calls = Calls(self.evaluator, operations, blocks, modules)
        steps = Steps(builder, self.evaluator, calls, Labels(builder, self.evaluator), self.bodies)
        self.evaluator.forms |= {
            tree.Call: calls.alone,
            tree.NewModule: modules.new,
            tree.IfBodies: self.bodies.choice,
            tree.Head: steps.head,
            tree.Chain: steps.chain,
        }
