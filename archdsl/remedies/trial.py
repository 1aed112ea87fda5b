"""Tries a change: the spec is elaborated with it, and its faults are those that it would have."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from archdsl.diagnostics import Diagnostic, Fix
from archdsl.elaborate import Choices, elaborate
from archdsl.errors import SpecError
from archdsl.graph import Graph, content_hash
from archdsl.graph import fault as broken_step
from archdsl.limits import Work
from archdsl.program import Program, reread
from archdsl.remedies.apply import changed
from archdsl.syntax import tree

MAX_LAYERS: Final = 20_000  # elaborated in all trials of one network: about a second
LEAST: Final = 50  # what a trial counts for, however small the network


@dataclass(slots=True)
class Trial:
    """One network of a program, and the choices with which it is elaborated."""

    program: Program
    network: tree.NetworkDefinition
    variant: tree.Variant | None
    choices: Choices
    left: int = field(default=MAX_LAYERS)
    right: dict[str, str] | None = field(default=None, init=False)  # content hashes of what is right in the file

    def removes(self, fix: Fix, key: str, known: Collection[Diagnostic], graph: Graph, *, last: bool) -> bool:
        """Whether a fix mends the step with this key, brings no fault that was not there, and changes nothing right.

        `graph` is what could be elaborated without it. Unless `last`, further on, where nothing was elaborated before,
        there may be other faults: they are no consequence of the fix, which leaves no choice of what comes out of it.
        """
        if not self.may_go_on:
            return False
        texts = changed(fix)
        self.choices.work.spent += Work.CHARACTER * sum(map(len, texts.values()))
        try:
            program = reread(self.program, texts)
            network, variant = program.find((self.variant or self.network).name.id)
        except SpecError:
            return False
        faults, after = self._elaborated(program, network, variant, self.choices)
        before = set(map(_kind, known))
        new = [fault for fault in faults if _kind(fault) not in before]
        if any(last or fault.layer in graph for fault in new) or after is None:
            return False
        of_block = any(path.startswith(f"{key}.") for path in after)  # the layers of a block are there
        mended = broken_step(after, key) is None if key in after else of_block
        return mended and self._spares(program)

    def fits(self, inputs: Mapping[str, tuple[int, ...]], others: Collection[Diagnostic]) -> bool:
        """Whether, with other shapes of the inputs, no fault is left but others that have nothing to do with it."""
        if not self.may_go_on:
            return False
        choices = replace(self.choices, inputs=inputs)
        found, _ = self._elaborated(self.program, self.network, self.variant, choices)
        return self.left > 0 and {(fault.code, fault.span) for fault in found} <= {(o.code, o.span) for o in others}

    def _spares(self, program: Program) -> bool:
        """Whether all networks and variants of the file that are right are the same in a changed program.

        Where that takes more work than there is, it is not known, and the answer is no.
        """
        if self.right is None:
            self.right = self._hashes(self.program)
        after = self._hashes(program)
        return self.may_go_on and all(after.get(name) == before for name, before in self.right.items())

    def _hashes(self, program: Program) -> dict[str, str]:
        """The content hashes of the networks and variants of a program that are right, by their names."""
        found = dict[str, str]()
        for network, variant in program.checked:
            if not self.may_go_on:
                break
            faults, graph = self._elaborated(program, network, variant, Choices(work=self.choices.work))
            if graph is not None and not faults:
                found[(variant or network).name.id] = content_hash(graph)
        return found

    @property
    def may_go_on(self) -> bool:
        """Whether there is work left for more trials."""
        return self.left > 0 and self.choices.work.spent <= self.choices.work.limit

    def _elaborated(
        self, program: Program, network: tree.NetworkDefinition, variant: tree.Variant | None, choices: Choices
    ) -> tuple[tuple[Diagnostic, ...], Graph | None]:
        faults: tuple[Diagnostic, ...] = ()
        try:
            graph: Graph | None = elaborate(network, program.definitions, variant, choices)
        except SpecError as error:
            faults, graph = error.diagnostics, error.graph
        self.left -= max(LEAST, len(graph or ()))
        return faults, graph


def _kind(diagnostic: Diagnostic) -> tuple[str, str]:
    """What stays of a fault where its text moves."""
    return diagnostic.code, diagnostic.layer or diagnostic.message
