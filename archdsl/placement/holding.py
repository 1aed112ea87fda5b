"""What a stage holds in memory, from the ideals that it lies between.

Counted are weights, their gradients and the optimizer's states; what is kept for backward of each micro-batch in
flight, with outputs that are held until their gradients come; and the buffers that torch's pipeline allocates, one for
each micro-batch and tensor or gradient that is received. The first stage has the inputs of the whole batch, the last
its outputs. What lives for less than a layer's run, such as a gradient on its way, is not counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress

from archdsl.placement.ideals import Boundaries
from archdsl.placement.problem import Problem


@dataclass(frozen=True, slots=True)
class _Sums:
    """Bytes of the nodes of an ideal, and of what passes its end, for one micro-batch."""

    at_rest: int
    kept: int
    forward: int
    gradients: int
    held: int  # of `forward`, what no layer keeps


class Holding:
    """The bytes of any stage of a problem."""

    def __init__(self, problem: Problem, ends: Boundaries) -> None:
        self.problem, self.ends = problem, ends
        self._sums: dict[int, _Sums] = {}

    def stage(self, start: int, end: int, in_flight: int, micro_batches: int) -> int:
        """Bytes of the stage from one ideal to another, with so many of a step's micro-batches in flight."""
        first, last = self._of(start), self._of(end)
        moving = in_flight * (last.kept - first.kept + last.held)
        return last.at_rest - first.at_rest + moving + micro_batches * (first.forward + last.gradients)

    def most(self, in_flight: int, micro_batches: int, crossing: int) -> int:
        """Bytes that no stage exceeds, of those whose ends no more bytes cross than `crossing`."""
        problem = self.problem
        inputs = sum(tensor.bytes for tensor in problem.tensors if tensor.producer is None)
        outputs = sum(t.bytes for t in problem.tensors if len(problem.nodes) - 1 in t.readers)
        passing = in_flight * crossing + micro_batches * (2 * crossing + inputs + outputs)
        return sum(problem.at_rest) + in_flight * sum(problem.kept) + passing

    def weights(self, start: int, end: int) -> int:
        """Bytes of weights with their gradients and the optimizer's states."""
        return self._of(end).at_rest - self._of(start).at_rest

    def _of(self, ideal: int) -> _Sums:
        found = self._sums.get(ideal)
        if found is None:
            found = self._sums[ideal] = self._count(ideal)
        return found

    def _count(self, ideal: int) -> _Sums:
        problem = self.problem
        if ideal == 0:
            passing = [problem.tensors[number] for number in self.ends.inputs]
            return _Sums(0, 0, sum(tensor.bytes for tensor in passing), 0, 0)
        inside = [bit == "1" for bit in reversed(f"{ideal:b}")]
        at_rest, kept = sum(compress(problem.at_rest, inside)), sum(compress(problem.kept, inside))
        if ideal == self.ends.all:
            # The outputs of all micro-batches are handed back together.
            loss = len(problem.nodes) - 1
            outputs = sum(t.bytes for t in problem.tensors if loss in t.readers)
            return _Sums(at_rest, kept, 0, outputs, 0)
        passing = [problem.tensors[number] for number in self.ends.crossing(ideal)]
        return _Sums(
            at_rest,
            kept,
            sum(tensor.bytes for tensor in passing),
            sum(tensor.gradient for tensor in passing),
            sum(tensor.bytes for tensor in passing if not tensor.kept),
        )
