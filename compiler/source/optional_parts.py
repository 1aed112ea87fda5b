"""Parts under conditions: what a variable holds where a part is not there."""

from __future__ import annotations

import re
from collections.abc import Sequence

from archdsl.instances.explanations import negated
from compiler.source.layout import WIDTH
from compiler.source.statements import Statements


class OptionalParts(Statements):
    """The statements around parts that are there in some instances, or in training, only."""

    def _begin(self, wanted: tuple[str | None, bool], before: tuple[str | None, bool]) -> None:
        self.indent = ""
        condition, train = wanted
        if wanted == (None, False):
            return
        if condition is not None and before[0] is not None and negated(condition) == before[0] and train == before[1]:
            self.lines.append("else:")
        else:
            said = ["self.training"] if train else []
            said += [self.plan.asked(condition)] if condition is not None else []
            self.lines.append(f"if {' and '.join(said)}:")
        self.indent = "    "

    def _defaults(self, n: int, numbers: Sequence[int], wanted: tuple[str | None, bool]) -> None:
        """Before a condition: what its variables hold where it does not hold."""
        for m in numbers[numbers.index(n) :]:
            part = self.parts[m]
            if (part.condition, self._trains(part)) != wanted and not self._stands_only(part):
                break
            for k in range(part.outputs):
                group = self.joined.get(("part", m, k))
                if group is None or group in self.shared:
                    continue
                always = [one for one in group if one[0] != "part" or self.parts[one[1]].condition is None]
                always = [one for one in always if one in self.values]
                if not always:
                    self._variable(m, part, ("part", m, k))
                    continue
                default = max(always, key=lambda one: one[1] if one[0] == "part" else -1)
                others = [use for use in self.uses[default] if use > m and use not in self._choosers(group)]
                holding = self._holding(default)
                if (holding is not None and not others and len(always) == 1 and self._own_name(default) is None) or (
                    holding is not None and not others and default[0] == "part"
                ):
                    self.shared[group] = holding
                    continue
                name = self._variable(m, part, ("part", m, k))
                self.lines.append(f"{name} = {self.values[default]}")
                self.holds[name] = ("part", m, k)


def shortened(lines: Sequence[str]) -> list[str]:
    """A value that one line changes under a condition, as a conditional expression."""
    found: list[str] = []
    at = 0
    while at < len(lines):
        three = [*lines[at : at + 3], ""]
        default = re.fullmatch(r"(\w+) = ([\w.]+)", three[0])
        condition = re.fullmatch(r"if (.*):", three[1])
        inner = re.fullmatch(rf"    {default[1]} = (.*)", three[2]) if default and len(three) > 3 else None
        following = lines[at + 3] if at + 3 < len(lines) else ""
        if (
            default
            and condition
            and inner
            and not following.startswith((" ", "else"))
            and "training" not in condition[1]
        ):
            then = re.sub(rf"(?<![\w.]){default[1]}(?!\w)", default[2], inner[1])
            line = f"{default[1]} = {then} if {condition[1]} else {default[2]}"
            if condition[1].endswith(" is not None"):
                line = f"{default[1]} = {default[2]} if {condition[1].removesuffix(' is not None')} is None else {then}"
            if len(line) <= WIDTH - 8:
                found.append(line)
                at += 3
                continue
        found.append(lines[at])
        at += 1
    return found
