"""Operators by family, a module each: configurations that are drawn (`CASES`), and what is refused (`REFUSED`).

What torch makes of an operator is found by its name, or said in tests/ops/reference.py.
"""

from tests.ops.families import attention, constants, functions, indexing, losses, recurrent, reductions

FAMILIES = (attention, constants, functions, indexing, losses, recurrent, reductions)
CASES = {name: cases for family in FAMILIES for name, cases in family.CASES.items()}
REFUSED = {name: refused for family in FAMILIES for name, refused in family.REFUSED.items()}
