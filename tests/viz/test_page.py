"""The interactive page: what it knows of a network, and what it may do."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import lzma
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

import viz
from archdsl.diagnostics import Instance
from archdsl.errors import SpecError
from archdsl.graph import Graph
from archdsl.measure.time.gpus import GPUS
from archdsl.measure.time.roofline import predict
from archdsl.network import Network, load
from viz import theme
from viz.graph import scene
from viz.html import document as document_module
from viz.html import facts, figures, page, themes, views
from viz.html.document import document
from viz.html.figures import FIGURES, ItemFigure
from viz.html.inline import HOME
from viz.html.paging import MOST
from viz.html.pictures import pictures
from viz.html.themes import PAGE, READABLE, text_on
from viz.look import Look
from viz.recolour import Theme, colour
from viz.theme import contrast

ROOT = Path(__file__).resolve().parent.parent.parent

NET = """
block unit(x, width) {
    main = x -> conv: conv(width, 3, padding = 1) -> relu
    main + x
}
network Net(image: [N, 8, 16, 16]) {
    device gpu0, gpu1
    body = image -> left: repeat 2 { unit(8) } @gpu0
    output aux = body -> aux: { global_avg_pool -> flatten -> linear(10) } @train @gpu0
    output main = body -> right: { unit(8) -> global_avg_pool -> flatten -> linear(10) } @gpu1
}
"""
BROKEN = "network Net(image: [N, 3, 32, 32]) { image -> stem: conv(8, 3) -> pool: max_pool(64) -> linear(2) }"
HOSTILE = "</script><script>alert(1)</script><!-- \u2028 & ]]>"


def data(graph: Graph, **options: Any) -> dict[str, Any]:
    return document(scene.build(graph, **options), Look()).data


def by_path(graph: Graph, **options: Any) -> dict[str, dict[str, Any]]:
    return {item["path"]: item for item in data(graph, **options)["items"]}


def test_the_data_of_a_network_is_as_it_was(golden: Callable[[Path, str], None]) -> None:
    graph = load(ROOT / "docs" / "residual.arch").graph
    golden(
        ROOT / "tests" / "golden" / "page-residual.json", json.dumps(data(graph), indent=1, ensure_ascii=False) + "\n"
    )


def test_a_page_has_the_same_bytes_whatever_the_hash_seed_and_folder(tmp_path: Path) -> None:
    pages = []
    for seed, place in (("1", ROOT), ("2", tmp_path)):
        out = tmp_path / f"{seed}.html"
        subprocess.run(
            [sys.executable, "-m", "archdsl", "draw", os.fspath(ROOT / "docs" / "residual.arch"), "-o", os.fspath(out)],
            cwd=place, env={**os.environ, "PYTHONPATH": os.fspath(ROOT), "PYTHONHASHSEED": seed},
            check=True, capture_output=True,
        )  # fmt: skip
        pages.append(out.read_bytes())
    assert pages[0] == pages[1]
    assert os.fspath(ROOT).encode() not in pages[0]


def test_every_layer_is_an_item(graph_of: Callable[..., Graph]) -> None:
    graph = graph_of(NET)
    assert set(by_path(graph)) >= set(graph)


def test_an_item_follows_the_group_that_it_is_in(graph_of: Callable[..., Graph]) -> None:
    items = data(graph_of(NET))["items"]
    assert items[0]["parent"] is None
    for i, item in enumerate(items[1:], start=1):
        assert item["parent"] < i
        outer = items[item["parent"]]["path"]
        assert not outer or item["path"].startswith(f"{outer}.")


def test_a_long_path_is_whole_so_that_an_address_can_name_it(graph_of: Callable[..., Graph]) -> None:
    name = "a_rather_long_name_for_a_sequence_of_two_layers"
    items = by_path(
        graph_of(f"network Net(x: [N, 8]) {{ x -> {name}: {{ relu -> {name}: {{ relu -> linear(2) }} }} }}")
    )
    assert {name, f"{name}.{name}"} <= items.keys()


def test_figures_are_those_of_the_report(graph_of: Callable[..., Graph]) -> None:
    graph = graph_of(NET)
    items = by_path(graph)
    for row in Network(graph).report().nodes:
        assert (items[row.path]["params"], items[row.path]["macs"]) == (row.params, row.macs)
        assert items[row.path]["field"] == [f.size for f in row.field or ()]


@pytest.mark.parametrize("figure", ["params", "macs", "bytes"])
def test_a_group_has_the_sum_of_its_layers(graph_of: Callable[..., Graph], figure: str) -> None:
    items = by_path(graph_of(NET))
    within = [item for path, item in items.items() if path.startswith("left.") and item["kind"] in ("layer", "join")]
    assert items["left"][figure] == sum(item[figure] for item in within)
    assert items["left"]["layers"] == len(within) == 6


def test_memory_counts_a_view_with_the_tensor_that_it_shows(graph_of: Callable[..., Graph]) -> None:
    items = by_path(graph_of(NET))
    assert items["left.0.conv"]["bytes"] == 8 * 16 * 16 * 4
    assert items["aux.1"]["bytes"] == 0  # flatten


def test_a_figure_that_depends_on_a_symbol_is_its_formula(graph_of: Callable[..., Graph]) -> None:
    items = by_path(graph_of("network Net(x: [N, 3, H, W]) { x -> conv(4, 3, padding = 1) -> global_avg_pool }"))
    assert items["conv"]["macs"] == "108*H*W"
    assert items["conv"]["bytes"] == "16*H*W"


def test_a_receptive_field_that_is_not_known_is_null(graph_of: Callable[..., Graph]) -> None:
    items = by_path(graph_of("network Net(x: [N, 3, H, W]) { x -> global_avg_pool -> relu }"))
    assert items["relu"]["field"] is None


def test_a_layer_says_where_it_is_written(graph_of: Callable[..., Graph]) -> None:
    known = data(load("resnet18").graph)
    item = next(item for item in known["items"] if item["path"] == "layer1.0.conv1")
    place, line = item["line"]
    assert known["sources"][place]["file"] == "resnet.arch"
    assert known["sources"][place]["lines"][str(line)].startswith("-> conv1: conv(width, 3")


def test_training_devices_and_crossings_are_marked(graph_of: Callable[..., Graph]) -> None:
    graph = graph_of(NET)
    items = by_path(graph)
    assert items["aux"]["train"]
    assert items["aux.2"]["train"]
    assert "train" not in items["right"]
    assert (items["left"]["device"], items["right"]["device"]) == (0, 1)
    known = data(graph)
    crossing = [known["items"][to]["path"] for _, to, _, _, crosses, _ in known["edges"] if crosses]
    assert crossing == ["right.0.conv", "right.0.add"]


def test_inference_has_nothing_that_only_trains(graph_of: Callable[..., Graph]) -> None:
    assert not any(path.startswith("aux") for path in by_path(graph_of(NET), phase="inference"))


def test_a_broken_spec_is_shown_up_to_its_fault_without_totals(graph_of: Callable[..., Graph]) -> None:
    with pytest.raises(SpecError) as caught:
        graph_of(BROKEN)
    assert caught.value.graph is not None
    known = data(caught.value.graph)
    items = {item["path"]: item for item in known["items"]}
    assert items["pool"]["fault"].startswith("the window (64 × 64) is larger")
    assert items["stem"]["params"] == 224
    assert items["pool"]["params"] is None
    assert known["items"][0]["params"] is None
    assert "no totals" in known["summary"][0][1]


def test_a_long_group_comes_in_pages(graph_of: Callable[..., Graph]) -> None:
    items = data(graph_of("network Net(x: [N, 8]) { x -> repeat 5000 { linear(8) -> relu } }"))["items"]
    children: dict[int, list[dict[str, Any]]] = {}
    for item in items[1:]:
        children.setdefault(item["parent"], []).append(item)
    assert max(map(len, children.values())) <= MOST
    assert [item["kind"] for item in children[0]] == ["input", *["page"] * 100, "output"]
    assert children[0][1]["title"] == "linear … relu_50"
    assert sum(item["kind"] == "layer" for item in items) == 10_000


def test_a_short_group_has_no_pages(graph_of: Callable[..., Graph]) -> None:
    assert not any(item["kind"] == "page" for item in data(graph_of(NET))["items"])


def test_equal_groups_say_which_they_fold_into_and_how_their_layers_correspond(
    graph_of: Callable[..., Graph],
) -> None:
    items = data(graph_of(NET), fold="mark")["items"]
    found = {item["path"]: item for item in items}
    first, second = found["left.0"], found["left.1"]
    assert "of" not in first
    assert items[second["of"]] is first
    pairs = zip(first["alike"], second["alike"], strict=True)
    assert [(items[a]["path"], items[b]["path"]) for a, b in pairs] == [
        (f"left.0.{name}", f"left.1.{name}") for name in ("conv", "relu", "add")
    ]


def test_groups_fold_by_what_they_are_whatever_they_are_called(graph_of: Callable[..., Graph]) -> None:
    code = "network Net(x: [N, 8]) {{ x -> one: {{ linear(8) -> relu }} -> two: {{ it: linear({}) -> that: relu }} }}"
    assert "of" in by_path(graph_of(code.format(8)), fold="mark")["two"]
    assert "of" not in by_path(graph_of(code.format(9)), fold="mark")["two"]


def test_many_equal_groups_come_in_pages_that_fold_into_the_first(graph_of: Callable[..., Graph]) -> None:
    code = (
        "block unit(x) { x -> linear(8) -> relu }\nnetwork Net(x: [N, 8]) { x -> repeat 1000 { unit() } -> linear(2) }"
    )
    items = data(graph_of(code), fold="mark")["items"]
    outer = [item for item in items if item["parent"] == 0]
    assert [item["kind"] for item in outer] == ["input", "group", *["page"] * 10, "layer", "output"]
    assert {items[item["of"]]["path"] for item in outer if item["kind"] == "page"} == {"unit"}


def test_a_figure_is_told_of_layers_groups_and_stages_by_its_one_definition(
    graph_of: Callable[..., Graph], monkeypatch: pytest.MonkeyPatch
) -> None:
    more = ItemFigure("wear", "wear", "seconds", lambda layer: 0.5 if layer.row else 0)
    for module in (figures, facts, document_module):
        monkeypatch.setattr(module, "FIGURES", (*FIGURES, more))
    monkeypatch.setattr(figures, "NOTHING", (0,) * (len(FIGURES) + 1))
    monkeypatch.setattr(document_module, "NOTHING", (0,) * (len(FIGURES) + 1))
    shown = views.build(graph_of(NET))
    known = document(shown.scene, Look())
    assert known.data["figures"][-1] == {"key": "wear", "name": f"wear on {GPUS['a100'].title}", "unit": "seconds"}
    items = {item["path"]: item["wear"] for item in known.data["items"] if "wear" in item}
    assert (items["left.0.conv"], items["left.0"], items["left"]) == (0.5, 1.5, 3.0)
    parts = {part["path"]: part["wear"] for part in pictures(shown, known)["stages"].data["parts"] if "wear" in part}
    assert (parts["left"], parts["right.0"]) == (3.0, 1.5)


def test_times_are_those_on_the_device_asked_for(graph_of: Callable[..., Graph]) -> None:
    graph = graph_of(NET)
    for profile in (GPUS["a100"], GPUS["t4"]):
        known = document(scene.build(graph), Look(profile=profile)).data
        assert known["figures"][-1]["name"] == f"predicted time on {profile.title}"
        (conv,) = (item for item in known["items"] if item["path"] == "left.0.conv")
        assert conv["time"] == predict(graph, profile).inference["left.0.conv"].seconds


def test_times_are_unknown_where_a_size_is_left_open(graph_of: Callable[..., Graph]) -> None:
    items = by_path(graph_of("network Net(x: [N, 3, H, 8]) { x -> c: conv(4, 3) }"))
    assert items["c"]["time"] is None


@pytest.mark.parametrize("name", ["resnet50", "googlenet", "vit_b_16", "densenet121", "unet", "vgg16"])
def test_the_stages_cost_what_the_network_costs(name: str) -> None:
    network = load(name)
    shown = views.build(network.graph)
    parts = pictures(shown, document(shown.scene, Look()))["stages"].data["parts"]
    assert sum(part.get("params", 0) for part in parts) == network.report().params


@pytest.mark.parametrize("view", ["stages", "volumes"])
def test_a_picture_refers_to_items_and_to_colours_of_the_theme(graph_of: Callable[..., Graph], view: str) -> None:
    shown = views.build(graph_of(NET))
    known = document(shown.scene, Look())
    picture = pictures(shown, known)[view]
    items = known.data["items"]
    for part in picture.data["parts"]:
        assert items[part["item"]]["path"].split(".")[0] == part["path"].split()[0].split(".")[0]
        assert all("order" in items[place] for place in part["layers"])
    text = json.dumps(picture.data["drawing"])
    assert not re.search("#[0-9a-f]{6}", text)
    assert {f"#{name}" for name in re.findall(r"var\(--(\w+)\)", text)} == picture.colours


def test_a_view_that_cannot_be_says_why(graph_of: Callable[..., Graph]) -> None:
    long = graph_of("network Net(x: [N, 8]) { x -> for i in range(1001) { linear(8 + i % 2) } }")
    assert views.build(long).stages == views.Refused("1002 stages are too many for a picture (1000 at most)")
    assert views.build(graph_of(NET), focus="left").volumes == views.Refused("only the graph shows a part of a network")


def hostile(graph: Graph) -> Graph:
    for _, node in graph.nodes(data=True):
        node["blocks"] = tuple(Instance(i.path, HOSTILE, i.span, i.block) for i in node["blocks"])
    return graph


def test_no_text_of_a_spec_ends_the_script_that_holds_it(graph_of: Callable[..., Graph]) -> None:
    text = viz.render(hostile(graph_of(NET)), "html").decode()
    assert text.count("</script>") == viz.render(graph_of(NET), "html").decode().count("</script>") == 5
    assert "<script>alert" not in text
    (found,) = re.findall(r'<script type="application/json" id="network">(.*)</script>', text)
    assert not re.search("[<>&\u2028\u2029]", found)
    assert any("<script>alert(1)" in item.get("call", "") for item in json.loads(found)["items"])


def test_the_policy_allows_this_style_and_script_by_hash_and_nothing_from_outside(
    graph_of: Callable[..., Graph],
) -> None:
    text = viz.render(graph_of(NET), "html").decode()
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    directives = dict(directive.split(" ", 1) for directive in policy.split("; "))
    assert directives.keys() == {"default-src", "script-src", "style-src", "worker-src"}
    assert (directives["default-src"], directives["worker-src"]) == ("'none'", "blob:")
    (style,) = re.findall("<style>(.*)</style>", text, re.S)
    (script,) = re.findall('<script type="module">(.*)</script>', text, re.S)
    (engine,) = re.findall('<script type="text/plain" id="engine">(.*?)</script>', text, re.S)
    assert directives["style-src"] == digest(style)
    assert directives["script-src"] == f"{digest(script)} {digest(engine)}"


def digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def scripts() -> dict[str, str]:
    return {path.stem: path.read_text(encoding="utf-8") for path in HOME.glob("*.js")}


def test_every_script_is_in_the_page() -> None:
    assert set(page.SCRIPTS) == set(scripts())


def test_a_script_imports_only_what_stands_before_it() -> None:
    for number, name in enumerate(page.SCRIPTS):
        imported = re.findall(r'^import .* from "\./(\w+)\.js";$', scripts()[name], re.M)
        assert set(imported) <= set(page.SCRIPTS[:number]), name


def test_scripts_declare_no_name_twice_since_they_share_one_scope() -> None:
    declared = [
        name
        for text in scripts().values()
        for name in re.findall(r"^(?:export )?(?:async )?(?:function\*?|const|let|class) (\w+)", text, re.M)
    ]
    assert sorted(declared) == sorted(set(declared))


def test_scripts_read_no_text_as_markup_or_code() -> None:
    for name, text in scripts().items():
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|new Function", text), name


def test_the_layout_engine_is_the_published_one_and_has_its_licence() -> None:
    home = page.ENGINE.parent
    readme = (home / "README.md").read_text(encoding="utf-8")
    assert hashlib.sha256(page.ENGINE.read_bytes()).hexdigest() in readme
    assert "Eclipse Public License - v 2.0" in (home / "LICENSE.md").read_text(encoding="utf-8")
    assert "Eclipse Public License 2.0" in (HOME / "page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", get_args(Theme))
def test_text_can_be_read_in_every_theme(name: Theme) -> None:
    backs = ["paper", "panel", "cluster-0", "cluster-1"]
    pairs = [(PAGE[text], PAGE[back]) for text in ("ink", "muted") for back in backs]
    pairs += [(PAGE[text], device.fill) for text in ("ink", "muted") for device in theme.DEVICES]
    for fill, _ in (*theme.GROUPS.values(), *theme.MORE_GROUPS):
        pairs += [(PAGE[text], fill) for text in text_on(fill)]
    pairs.append((PAGE["accent"], PAGE["panel"]))  # links
    assert [pair for pair in pairs if contrast(*(colour(light, name) for light in pair)) < READABLE] == []


@pytest.mark.parametrize("name", get_args(Theme))
def test_what_is_selected_stands_out_in_every_theme(name: Theme) -> None:
    for back in ("paper", "panel", "cluster-0", "cluster-1"):
        assert contrast(colour(PAGE["accent"], name), colour(PAGE[back], name)) >= 3


@pytest.mark.parametrize("name", get_args(Theme))
def test_more_heat_is_seen_without_colour(name: Theme) -> None:
    steps = [contrast(colour(PAGE[f"heat-{i}"], name), colour(PAGE["paper"], name)) for i in range(5)]
    assert steps == sorted(steps)


def test_there_is_a_rule_for_each_colour_and_device_in_each_theme(graph_of: Callable[..., Graph]) -> None:
    from viz import palette

    shown = scene.build(graph_of(NET))
    colours = palette.colours((box.colour for box in shown.boxes()), shown.devices)
    rules = themes.css(colours)
    for i, (fill, _) in enumerate(colours.groups.values()):
        assert f".c{i} {{ --fill: var(--{fill[1:]});" in rules
        assert [re.findall(f"--{fill[1:]}: (#[0-9a-f]+)", rules)] == [[colour(fill, name) for name in get_args(Theme)]]
    assert len(re.findall(r"^\.d\d ", rules, re.M)) == 2


def test_a_notebook_shows_the_page_in_a_sandbox_and_the_drawing_where_it_cannot(graph_of: Callable[..., Graph]) -> None:
    shown = Network(graph_of(NET))._repr_mimebundle_()
    assert shown["text/plain"].startswith("<archdsl.Network Net")
    assert shown["image/svg+xml"].startswith("<?xml")
    (sandbox,) = re.findall(r'<iframe [^>]*sandbox="([^"]*)"', shown["text/html"])
    assert sandbox == "allow-scripts allow-downloads"
    (inner,) = re.findall(r'srcdoc="([^"]*)"', shown["text/html"])
    (held,) = re.findall('id="page">(.*?)</script>', html.unescape(inner))
    engine = page.ENGINE.read_text(encoding="utf-8")
    whole = lzma.decompress(base64.b64decode(held)).decode().replace('id="engine">', f'id="engine">{engine}')
    assert whole == viz.render(graph_of(NET), "html").decode()


def test_a_notebook_shows_a_report_as_a_table(graph_of: Callable[..., Graph]) -> None:
    report = Network(graph_of(NET)).report()
    shown = report._repr_html_()
    assert shown.count("<tr>") == 1 + report.layers
    assert "<td" in shown
    assert "parameters" in shown
