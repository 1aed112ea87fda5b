"""archdsl: a compiler for neural-network architectures.

net = archdsl.load("resnet50")
print(net.report())
net.draw("resnet50.svg")
model = net.compile()
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archdsl.diagnostics import Diagnostic
    from archdsl.errors import SpecError
    from archdsl.imported import from_module
    from archdsl.limits import limited
    from archdsl.measure.network.report import Report
    from archdsl.network import Network, from_pretrained, load
    from archdsl.own_operators import load_operators

__version__ = "0.1.0"
__all__ = [
    "Diagnostic",
    "Network",
    "Report",
    "SpecError",
    "__version__",
    "from_module",
    "from_pretrained",
    "limited",
    "load",
    "load_operators",
]

# Public names arrive when they are first used, so that importing a part does not import the whole.
_HOMES = {
    "Diagnostic": "archdsl.diagnostics",
    "Network": "archdsl.network",
    "Report": "archdsl.measure.network.report",
    "SpecError": "archdsl.errors",
    "from_module": "archdsl.imported",
    "from_pretrained": "archdsl.network",
    "limited": "archdsl.limits",
    "load": "archdsl.network",
    "load_operators": "archdsl.own_operators",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'archdsl' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
