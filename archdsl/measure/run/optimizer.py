"""The optimizers of torch.optim: what each keeps for a weight, and allocates in a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final


@dataclass(frozen=True)
class Optimizer:
    """`states`: values kept for each weight from step to step. `passes`: how often a step reads or writes a value for
    each weight, in the operations that torch's update is made of.

    `scratch` and `scratch_each` are values that a step allocates for a while, without weight decay in the gradient: see
    `update`.
    """

    states: int
    passes: int
    scratch: int = 0
    scratch_each: int = 0

    def update(self, sizes: Sequence[int], *, together: bool) -> int:
        """The most values allocated at once in a step, for tensors of these sizes.

        All tensors are updated together (`foreach`, torch's default on a GPU), or one after the other (its default on
        the CPU), where the last result for one still lives when that for the next is made.
        """
        if together:
            return self.scratch * sum(sizes)
        if not self.scratch_each:
            return 0
        return max((self.scratch_each * own + last for last, own in pairwise((0, *sizes))), default=0)


OPTIMIZERS: Final[Mapping[str, Optimizer]] = {
    "sgd": Optimizer(states=0, passes=3),  # w += -lr·g
    "momentum": Optimizer(states=1, passes=8),  # m *= μ; m += g; w += -lr·m
    "adam": Optimizer(states=2, passes=16, scratch=1, scratch_each=2),
    "adamw": Optimizer(states=2, passes=16, scratch=1, scratch_each=2),
}
