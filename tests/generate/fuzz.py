"""`make fuzz`: generated texts and networks without end; FUZZ_TIME is the number of seconds (600).

Where atheris is installed (`pip install atheris`; it is not one of the pinned libraries), a quarter of the time goes to
texts that it changes guided by the lines of code they reach.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import subprocess
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisWarning

from archdsl.catalogue import CATALOGUE
from archdsl.errors import SpecError
from archdsl.ops import OPERATORS
from archdsl.pipeline import convert_source, parse_source
from archdsl.source import Source
from archdsl.syntax import tree
from archdsl.syntax.layout import format_text
from tests.generate.agreement import agree
from tests.generate.calls import calls
from tests.generate.networks import generated
from tests.generate.texts import DAMAGE, TEXTS, YAMLS, is_read_or_refused
from tests.generate.trees import specs

ROUND = 60  # cases of one kind before the next has its turn
met: Counter[str] = Counter()


def a_tree_is_what_it_says(spec: tree.Spec) -> None:
    """A generated tree, written in either form and read again."""
    text = format_text(spec, keep_breaks=False)
    assert tree.written(parse_source(Source("a.arch", text))) == tree.written(spec)
    with contextlib.suppress(SpecError):  # what YAML has no place for
        back = convert_source(Source("a.yaml", convert_source(Source("a.arch", text), "yaml")), "text")
        assert tree.written(parse_source(Source("a.arch", back))) == tree.written(spec)


def a_damaged_network(net: Any, damage: tuple[float, int, str]) -> None:
    place, length, instead = damage
    for name in ("net.arch", "net.yaml"):
        text = net.text if name == "net.arch" else convert_source(Source("net.arch", net.text), "yaml")
        start = int(place * len(text))
        is_read_or_refused(text[:start] + instead + text[start + length :], name)


TARGETS: dict[str, tuple[Callable[..., None], tuple[Any, ...]]] = {
    "networks": (agree, (generated(),)),
    "calls": (agree, (calls(),)),
    "damaged networks": (a_damaged_network, (generated(), DAMAGE)),
    "texts": (lambda text: is_read_or_refused(text, "a.arch"), (TEXTS,)),
    "YAML": (lambda text: is_read_or_refused(text, "a.yaml"), (YAMLS,)),
    "trees": (a_tree_is_what_it_says, (specs,)),
}


def notice() -> None:
    """Count the diagnostics and operators that cases come across."""
    from archdsl.diagnostics import Diagnostic
    from archdsl.elaborate.builder import GraphBuilder

    made, layer = Diagnostic.__post_init__, GraphBuilder.layer

    def diagnostic(self: Diagnostic) -> None:
        met[self.code] += 1
        made(self)

    def counted(self: GraphBuilder, operator: Any, *rest: Any, **named: Any) -> Any:
        met[operator.name] += 1
        return layer(self, operator, *rest, **named)

    Diagnostic.__post_init__ = diagnostic  # type: ignore[method-assign]
    GraphBuilder.layer = counted  # type: ignore[method-assign]


def run(name: str) -> int:
    """One round of a target: how many cases. Raises what a case raises, made as small as hypothesis can."""
    check, strategies = TARGETS[name]
    cases = 0

    @settings(
        deadline=None,
        max_examples=ROUND,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(st.tuples(*strategies))
    def case(values: tuple[Any, ...]) -> None:
        nonlocal cases
        cases += 1
        check(*values)

    case()
    return cases


def guided(seconds: float) -> int:
    """Fuzz both parsers with atheris: how many of them failed."""
    if importlib.util.find_spec("atheris") is None:
        print("atheris is not installed: nothing is guided by coverage")
        return 0
    failed = 0
    for name in ("arch", "yaml"):
        command = [sys.executable, "-m", "tests.generate.guided", name, f"-max_total_time={max(1, int(seconds / 2))}"]
        done = subprocess.run(command, capture_output=True, text=True)
        progress = [line for line in done.stderr.splitlines() if re.match(r"#\d", line)]
        print(f"atheris, {name:9} {progress[-1] if progress else 'no progress'}")
        if done.returncode:
            failed += 1
            print(done.stderr[-4000:], file=sys.stderr)
    return failed


def main() -> int:
    seconds = float(os.environ.get("FUZZ_TIME", "600"))
    until = time.monotonic() + seconds
    failures = guided(seconds / 4)
    notice()
    warnings.simplefilter("ignore", HypothesisWarning)  # of large strategies, which a failure would show
    done: Counter[str] = Counter()
    while time.monotonic() < until and failures < 10:
        for name in TARGETS:
            try:
                done[name] += run(name)
            except Exception:  # told with the case that gives it, and the next target goes on
                failures += 1
                print(f"--- {name}", file=sys.stderr)
                traceback.print_exc()
    for name, count in done.items():
        print(f"{name:18} {count:7} cases")
    print(f"operators          {sum(o in met for o in OPERATORS):7} of {len(OPERATORS)}")
    print(f"diagnostics        {sum(code in met for code in CATALOGUE):7} of {len(CATALOGUE)}")
    print(f"failures           {failures:7}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
