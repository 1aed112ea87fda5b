"""networkx with its classes alone: nobody in the process can tell that the rest came later."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import ROOT


def fresh(code: str) -> str:
    """What a new Python prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    return done.stdout.strip()


BUILD = """
import sys
from archdsl.graph_classes import place_classes
place_classes()
from networkx.classes.multidigraph import MultiDiGraph
graph = MultiDiGraph(name="g")
graph.add_node("a", x=1)
graph.add_edge("a", "b", key=0, y=2)
graph.nodes["b"]["x"] = 3
graph.remove_edge("a", "b"); graph.add_edge("b", "a", y=4)
list(graph.nodes(data=True)), list(graph.in_edges("a", data=True)), graph.pred["a"], "a" in graph, len(graph)
"""


def test_building_and_reading_a_graph_loads_no_algorithms() -> None:
    assert fresh(BUILD + "print('networkx.algorithms' in sys.modules)") == "False"


@pytest.mark.parametrize(
    "use",
    [
        "import networkx as nx; print(list(nx.topological_sort(graph)))",
        "from networkx import topological_sort; print(list(topological_sort(graph)))",
        "from networkx.algorithms.dag import topological_sort; print(list(topological_sort(graph)))",
        "import networkx.algorithms.dag as dag; print(list(dag.topological_sort(graph)))",
        "import networkx; print(list(networkx.algorithms.dag.topological_sort(graph.copy())))",
        "import networkx.classes; print(list(networkx.topological_sort(graph.subgraph(['a', 'b']))))",
        "import pickle, networkx as nx; print(list(nx.topological_sort(pickle.loads(pickle.dumps(graph)))))",
    ],
)
def test_all_of_networkx_is_there_as_soon_as_it_is_asked_for(use: str) -> None:
    assert fresh(BUILD + use) == "['b', 'a']"


def test_its_classes_are_those_of_networkx_and_its_module_is_a_module() -> None:
    code = "import networkx as nx, types; print(nx.MultiDiGraph is MultiDiGraph, hasattr(nx, 'nothing'), type(nx))"
    assert fresh(BUILD + code) == "True False <class 'module'>"


def test_it_has_the_names_that_it_has_without_us() -> None:
    code = "import networkx as nx; nx.draw; print(sorted(set(dir(nx)) - {'__cached__'}))"
    assert fresh(BUILD + code) == fresh(code)


def test_a_networkx_that_was_there_before_is_used() -> None:
    code = (
        "import networkx as nx\nbefore = nx.MultiDiGraph\n"
        "from archdsl.graph_classes import place_classes\nplace_classes()\nprint(nx.MultiDiGraph is before)"
    )
    assert fresh(code) == "True"


def test_an_error_of_its_classes_is_an_error_of_networkx() -> None:
    code = "import networkx as nx\ntry: graph.remove_node('z')\nexcept nx.NetworkXError as error: print('caught')"
    assert fresh(BUILD + code) == "caught"


def test_threads_that_ask_at_once_get_it_whole() -> None:
    code = "from concurrent.futures import ThreadPoolExecutor\nimport networkx as nx\nsys.setswitchinterval(1e-5)\n"
    code += "with ThreadPoolExecutor(8) as pool:\n"
    code += "    print(set(map(tuple, pool.map(lambda _: list(nx.topological_sort(graph)), range(32)))))"
    assert fresh(BUILD + code) == "{('b', 'a')}"


def test_only_commands_do_so() -> None:
    code = "import sys, archdsl; archdsl.load('lenet5'); print('networkx.algorithms' in sys.modules)"
    assert fresh(code) == "True"


def test_back_ends_of_networkx_are_not_looked_for() -> None:
    code = "import importlib.metadata as found; print(hasattr(found, 'version'))"
    assert fresh(BUILD + "print('importlib.metadata' in sys.modules)\n" + code) == "False\nTrue"


def test_back_ends_of_networkx_are_looked_for_where_the_environment_chooses_some() -> None:
    choice = "import os\nos.environ['NETWORKX_CACHE_CONVERTED_GRAPHS'] = 'true'\n"
    assert fresh(choice + BUILD + "print('importlib.metadata' in sys.modules)") == "True"
