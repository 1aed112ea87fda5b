"""Diagnostics of names and values."""

from __future__ import annotations

from typing import Final

from archdsl.catalogue._entry import Entry

ENTRIES: Final[dict[str, Entry]] = {
    "unknown-name": Entry("no value has this name", "A value is bound before it is used."),
    "unknown-operator": Entry("no operator or block has this name", "docs/operators.md lists the operators."),
    "unknown-parameter": Entry("the operator or block has no such parameter", "A misspelt one would be ignored."),
    "unknown-attribute": Entry("a value has no such attribute", "A tensor has `shape`, and nothing else."),
    "unknown-mark": Entry("no such mark", "A mark is a declared device, @train, @checkpoint or @frozen."),
    "rebound-name": Entry("a name is bound twice", "A value is bound once, so that its place says what it is."),
    "missing-argument": Entry("a parameter without a default is not given", "There is nothing to use instead."),
    "wrong-arity": Entry("too many or too few arguments or tensors", "The operator or block takes another number."),
    "wrong-type": Entry("a value of another kind is needed", "Tensors, numbers, lists and modules are different."),
    "bad-value": Entry("a static expression has no value", "Division by zero, an index out of range, and the like."),
    "bad-parameter": Entry("a parameter's value is not allowed", "torch refuses it, crashes on it or misreads it."),
    "number-too-large": Entry("a number is too large", "Sizes and counts are bounded, far above any real network."),
    "unused-expression": Entry("a value is computed and dropped", "Most likely a `->` or a name is missing."),
    "no-value": Entry("a body without a value", "The last expression of a body is its value."),
    "recursion": Entry("blocks use each other without end", "The network would be infinite."),
    "too-many-layers": Entry("the network has too many layers", "A loop may run much longer than was meant."),
    "path-too-long": Entry("a layer's path is too long", "Long paths in many layers take all memory."),
    "too-much-work": Entry("evaluating the spec takes too long", "A loop may run much longer than was meant."),
}
