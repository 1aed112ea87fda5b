"""Parts whose activations are computed again in backward."""

from __future__ import annotations

from collections.abc import Sequence

from compiler.source.hierarchy import CalledScope
from compiler.source.optional_parts import OptionalParts


class Regions(OptionalParts):
    """The calls of `torch.utils.checkpoint`, of a module or of a function around several steps."""

    def _recomputed(self, members: Sequence[int]) -> None:
        """Parts whose activations are not kept."""
        first = self.parts[members[0]]
        buffers = any(
            held.weight.role == "buffer"
            for n in members
            for leaf in self.parts[n].first.leaves()
            if leaf.holder
            for held in leaf.holder.held
        )
        if (
            len(members) == 1
            and not self.plan.is_functional(first)
            and (first.leaf is None or (first.leaf.holder is not None and first.leaf.holder.target.kind == "module"))
        ):
            self._flush()
            n = members[0]
            texts = [self._text(self._read(column, n), first, column) for column in first.reads]
            given = self._grouped(first, texts) if isinstance(first.first, CalledScope) else list(texts)
            module = self.plan.places.access(first.attribute)
            results = [("part", n, k) for k in range(first.outputs)]
            text = self._checkpoint(module, given, module if buffers else None)
            idiom = self.plan.idiom(first)
            if not (idiom and "{module}" in idiom):
                if len(results) == 1 and not (first.leaf is not None and first.leaf.node["operator"].several):
                    self._assign(n, first, results[0], text)
                else:
                    self._assign_several(n, first, results, text)
                return
        self._region_function(members, buffers)

    def _checkpoint(self, function: str, given: Sequence[str], owner: str | None) -> str:
        if owner is None:
            self.plan.library.imports.add("from torch.utils.checkpoint import checkpoint")
            return f"checkpoint({', '.join([function, *given, 'use_reentrant=False'])})"
        name = self.plan.library.add("compiler.source.recompute.recompute")
        return f"{name}({', '.join([function, *given, f'owner={owner}'])})"

    def _region_function(self, members: Sequence[int], buffers: bool) -> None:
        self._flush()
        inside = set(members)
        enters = dict.fromkeys(
            one
            for n in members
            for column in self.parts[n].reads
            for one in column
            if one is not None
            and one[0] != "weight"
            and not (one[0] == "part" and (one[1] in inside or self._stands_only(self.parts[one[1]])))
        )
        leaves = [
            ("part", n, k)
            for n in members
            for k in range(self.parts[n].outputs)
            if any(use not in inside for use in self.uses["part", n, k])
        ]
        names: dict[str, None] = dict.fromkeys(self.values[one].split("[")[0] for one in enters)
        function = self._free("region")
        outer, self.lines = self.lines, []
        held = dict(self.holds)
        indent, self.indent = self.indent, ""
        for n in members:
            if not self._stands(n, self.parts[n]):
                self._part(n, self.parts[n])
        self._flush()
        body = self.lines
        returned = ", ".join(self.values[one] for one in leaves)
        self.lines, self.indent = outer, indent
        self.lines.append(f"{indent}def {function}({', '.join(names)}):")
        self.lines += [f"{indent}    {line}" for line in [*body, f"return {returned}"]]
        self.lines.append("")
        text = self._checkpoint(function, list(names), "self" if buffers else None)
        targets = ", ".join(self.values[one] for one in leaves)
        self.lines.append(f"{indent}{targets} = {text}")
        self.holds = {**held, **{name: one for name, one in self.holds.items() if one in leaves}}
