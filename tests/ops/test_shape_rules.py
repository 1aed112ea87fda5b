"""archdsl accepts what torch accepts, with the same shape and type; the exceptions are the rules of stricter.py.

ARCHDSL_EXAMPLES=5000 tries that many configurations of each operator (several times as many for the operators with
intricate rules) instead of a few; with --hypothesis-profile=random they are others each time.
"""

import os

import pytest
from hypothesis import HealthCheck, given, settings

from archdsl.ops import OPERATORS, ShapeError, build
from archdsl.ops.dtypes import TAKEN
from archdsl.ops.kinds import ParamError
from tests.ops.cases import CASES, spoilt, typed
from tests.ops.oracle import Answer, Case, Oracle
from tests.ops.stricter import RULES

EXAMPLES = int(os.environ.get("ARCHDSL_EXAMPLES", "60"))
INTRICATE = {"conv": 5, "conv_transpose": 5, "max_pool": 5, "avg_pool": 3, "lp_pool": 3, "interpolate": 3, "pad": 3}


def archdsl(case: Case) -> Answer:
    """archdsl's answer to the question that the oracle answers."""
    try:
        operator = build(OPERATORS[case.operator], case.params)
        for i, dtype in enumerate(case.types):
            if dtype not in TAKEN[operator.taken(i)]:
                return Answer(None, f"{dtype} instead of {operator.taken(i)}")
        operator = operator.typed(case.types)
        shapes = operator.infer_all(*case.shapes)
        given = operator.dtypes(case.types)
        return Answer(shapes, "", given + given[-1:] * (len(shapes) - len(given)))
    except (ParamError, ShapeError) as error:
        return Answer(None, str(error))


def reason(case: Case, answer: Answer) -> str | None:
    """The first rule by which a case that torch accepts is refused nevertheless, or None."""
    return next((name for name, rule in RULES.items() if rule.applies(case, answer)), None)


@pytest.mark.parametrize("operator", CASES)
def test_same_answer_as_torch(operator: str, oracle: Oracle) -> None:
    @settings(max_examples=EXAMPLES * INTRICATE.get(operator, 1), suppress_health_check=list(HealthCheck))
    @given(typed(spoilt(CASES[operator])))
    def agree(case: Case) -> None:
        ours, theirs = archdsl(case), oracle(case)
        why = reason(case, theirs) if theirs.accepted else None
        if why:
            assert not ours.accepted, f"to be refused, as {why}"
        else:
            assert (ours.shapes, ours.dtypes) == (theirs.shapes, theirs.dtypes), f"archdsl: {ours}; torch: {theirs}"

    agree()


@pytest.mark.parametrize("name", RULES)
def test_deliberate_difference(name: str, oracle: Oracle) -> None:
    case = RULES[name].example
    theirs = oracle(case)
    assert theirs.accepted
    assert reason(case, theirs) == name
    assert not archdsl(case).accepted


def test_every_operator_has_a_strategy() -> None:
    assert set(CASES) == set(OPERATORS)


def test_a_crash_of_torch_is_an_answer(oracle: Oracle) -> None:
    fine = Case("relu", {}, ((2, 3),))
    assert oracle(Case("abort", {}, ())) == Answer(None, "crashed")
    assert oracle(fine) == Answer(((2, 3),), "", ("float32",))
