"""What a rule of lint is, and the network as rules see it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import NamedTuple, TypeAlias

from archdsl.catalogue import CATALOGUE
from archdsl.diagnostics import Fix, Label
from archdsl.measure.network.field import Fields
from archdsl.measure.network.receptive_field import receptive_fields
from archdsl.net_view import NetView
from archdsl.ops import Operator
from archdsl.source import Span


class Found(NamedTuple):
    """What a rule finds: at a layer, or at a span where no layer is to blame."""

    layer: str | None
    message: str
    help: str | None = None
    labels: tuple[Label, ...] = ()
    fix: Fix | None = None
    span: Span | None = None


class Net(NetView):
    """An elaborated network as rules see it."""

    @cached_property
    def outputs(self) -> set[str]:
        """The layers whose outputs are the network's."""
        return {output["node"] for output in self.header["outputs"]}

    @cached_property
    def fields(self) -> dict[str, Fields]:
        return receptive_fields(self)

    def operator(self, key: str) -> Operator:
        return self.layers[key]["operator"]

    def only_reader(self, key: str) -> str | None:
        """The layer that alone reads a layer's output, which is no output of the network."""
        found = self.readers[key]
        return found[0] if len(found) == 1 and key not in self.outputs else None

    def before(self, key: str, skipped: tuple[type[Operator], ...]) -> str | None:
        """The layer whose output a layer with one input reads, seen through layers of some kinds that nothing else
        reads."""
        while len(self.operands(key)) == 1:
            key = self.operands(key)[0][0]
            if self.only_reader(key) is None:
                return None
            if not isinstance(self.operator(key), skipped):
                return key
        return None


Check: TypeAlias = Callable[[Net], Iterable[Found]]
RULES: dict[str, Check] = {}


def rule(code: str) -> Callable[[Check], Check]:
    """Registers a rule under its code, which the catalogue explains."""
    if code in RULES or CATALOGUE[code].level == "error":
        raise TypeError(f"rule {code!r} is defined twice, or is an error")

    def register(check: Check) -> Check:
        RULES[code] = check
        return check

    return register
