"""What an editor is told of a text, whole and broken."""

from __future__ import annotations

from pathlib import Path

import pytest

import archdsl
from archdsl import shipped
from archdsl.dims import show
from archdsl.editor import actions, completion, hints, hover, navigation, tokens
from archdsl.editor.document import OpenDocument
from archdsl.editor.moved import Moved
from archdsl.elaborate import elaborate
from archdsl.graph import content_hash, layer, layers
from archdsl.program import parse_string

SPEC = """\
block residual(x: [N, C, H, W], width, stride = 1) {
    main = x
        -> conv1: conv(width, 3, stride = stride, padding = 1) -> relu
        -> conv2: conv(width, 3, padding = 1)
    skip = if stride > 1 or C != width { x -> project: conv(width, 3, stride = stride, padding = 1) } else { x }
    main + skip -> relu
}

network Net(image: [N, 3, 12, 12], width = 16) {
    image
        -> stem: conv(width, 3, padding = 1) # as large as before
        -> a: residual(width) -> b: residual(2 * width, stride = 2)
        -> global_avg_pool -> flatten -> head: linear(10)
}

variant wide = Net(width = 64)
"""


def opened(text: str = SPEC, path: Path = Path("/nowhere/net.arch")) -> OpenDocument:
    document = OpenDocument(path, text)
    document.examine()
    return document


def shapes(document: OpenDocument) -> dict[int, str]:
    """The hint of each line, from 1."""
    return {document.source.position(hint.offset)[0]: hint.text for hint in hints.hints(document)}


def labels(document: OpenDocument, offset: int) -> list[str]:
    return [one.label for one in completion.completions(document, offset)]


def architecture(text: str) -> str:
    """The hash of what a text says."""
    program = parse_string(text)
    network, variant = program.find("wide")
    return content_hash(elaborate(network, program.definitions, variant))


# --- shapes at the ends of lines


def test_each_line_ends_with_the_shape_that_it_makes() -> None:
    found = shapes(opened())
    assert found[11] == "[N, 16, 12, 12]"
    assert found[12] == "[N, 32, 6, 6]"
    assert found[13] == "[N, 10]"


def test_a_block_with_instances_that_differ_says_how_many_and_shows_the_chosen_one() -> None:
    document = opened()
    assert shapes(document)[4] == "× 2"
    document.instance = "b"
    assert shapes(document)[4] == "[N, 32, 6, 6]"


def test_a_variant_can_be_chosen() -> None:
    document = opened()
    assert [(c.kind, c.options) for c in hints.choices(document)] == [
        ("variant", ("Net", "wide")), ("instance", ("a", "b")),
    ]  # fmt: skip
    document.chosen = "wide"
    document.examine()
    assert shapes(document)[11] == "[N, 64, 12, 12]"


def test_a_hint_stands_before_a_comment() -> None:
    document = opened()
    [offset] = [h.offset for h in hints.hints(document) if document.source.position(h.offset)[0] == 11]
    assert document.source.text[:offset].endswith("padding = 1)")


@pytest.mark.parametrize("file", shipped.shipped_specs(), ids=lambda file: file.name)
def test_the_shapes_of_the_networks_that_ship_are_those_of_their_graphs(file: Path) -> None:
    """A line that ends with a layer's call has the hint of that layer's output."""
    document = opened(file.read_text(encoding="utf-8"), file)
    assert not [fault for fault in document.diagnostics if fault.level == "error"]
    assert document.known is not None
    assert document.known.shown is not None
    graph = archdsl.load(f"{file}:{document.known.shown.name}").graph
    ends: dict[int, set[str]] = {}
    for key, node in layers(graph):
        if node["span"].source.name == str(file) and len(node["outputs"]) == 1 and node["op"] != "input":
            ends.setdefault(node["span"].end, set()).add(show(layer(graph, key)["shape"]))
    found = hints.hints(document)
    compared = 0
    for hint in found:
        of_layers = ends.get(hint.offset)
        if of_layers is not None and len(of_layers) == 1 and not hint.text.startswith("×"):
            assert hint.text.split("] ")[0].rstrip("]") + "]" in of_layers
            compared += 1
    assert found
    assert compared or file.suffix == ".yaml"


# --- hover, definitions, references, names


def test_a_layer_says_what_it_costs_and_what_its_operator_is() -> None:
    document = opened()
    said = hover.hover(document, SPEC.index("conv(width, 3, padding = 1) #") + 2)
    assert said is not None
    assert "`stem` → [N, 16, 12, 12], 448 parameters, 62,208 MACs" in said.markdown
    assert "| `kernel_size` |" in said.markdown


def test_a_name_says_what_it_is_worth_in_each_instance() -> None:
    said = hover.hover(opened(), SPEC.index("width, 3, stride"))
    assert said is not None
    assert "`a`: 16" in said.markdown
    assert "`b`: 32" in said.markdown


def test_a_block_says_what_it_takes_and_makes() -> None:
    said = hover.hover(opened(), SPEC.index("residual(width)"))
    assert said is not None
    assert "block residual(x: [N, C, H, W], width, stride = 1)" in said.markdown
    assert "→ [N, 16, 12, 12]" in said.markdown


def test_a_name_leads_to_where_it_is_bound_and_from_there_to_its_uses() -> None:
    document = opened()
    span = navigation.definition(document, SPEC.index("residual(width)"))
    assert span is not None
    assert (span.line, span.text) == (1, "residual")
    lines = [span.line for span in navigation.references(document, SPEC.index("stride = 1"))]
    assert lines == [1, 3, 5, 5, 12]


def test_a_file_is_outlined_by_definitions_and_labels() -> None:
    found = [(item.name, item.kind, [child.name for child in item.children]) for item in navigation.outline(opened())]
    assert found == [
        ("residual", "block", ["conv1", "conv2", "project"]),
        ("Net", "network", ["stem", "a", "b", "head"]),
        ("wide", "variant", []),
    ]


@pytest.mark.parametrize(("name", "new"), [("stride = 1", "step"), ("residual(x", "unit"), ("main = x", "path")])
def test_a_renamed_spec_says_the_same(name: str, new: str) -> None:
    document = opened()
    renaming = navigation.renamed(document, SPEC.index(name), new)
    text = SPEC
    for edit in sorted(renaming.edits, key=lambda edit: -edit.span.start):
        text = text[: edit.span.start] + edit.replacement + text[edit.span.end :]
    assert text != SPEC
    assert architecture(text) == architecture(SPEC)


@pytest.mark.parametrize(
    ("place", "new", "says"),
    [
        ("conv(width, 3, padding = 1) #", "x", "belongs to the language"),
        ("width, 3, stride", "2x", "is no name"),
        ("variant", "x", "no name here"),
    ],
)
def test_what_cannot_be_renamed_says_why(place: str, new: str, says: str) -> None:
    with pytest.raises(navigation.CannotRename, match=says):
        navigation.renamed(opened(), SPEC.index(place), new)


def test_a_label_is_renamed_with_a_warning_of_checkpoints() -> None:
    renaming = navigation.renamed(opened(), SPEC.index("stem"), "first")
    assert renaming.warning is not None
    assert "checkpoints" in renaming.warning


# --- what may come


@pytest.mark.parametrize(
    ("written", "offered", "not_offered"),
    [
        ("x -> con", {"conv", "conv_transpose", "concat"}, {"relu", "cross_entropy"}),
        ("x -> res", {"residual"}, {"relu"}),
        ("x -> conv(8, 3, ", {"stride", "padding", "groups", "width"}, {"train"}),
        ("x -> conv(8, 3, stride = 2, ", {"padding"}, {"stride = "}),
        ("x -> conv(8, 3, padding = ", {"same", "valid", "width"}, {"stride = "}),
        ("x -> relu @", {"train", "checkpoint", "frozen"}, {"conv"}),
        ("x -> residual(", {"width", "stride"}, {"padding"}),
        ("ma", {"main", "max_pool", "maximum"}, {"relu"}),
        ("# ma", set(), {"main"}),
    ],
)
def test_what_may_come_is_offered(written: str, offered: set[str], not_offered: set[str]) -> None:
    document = opened()
    place = SPEC.index("    main + skip")
    document.update(f"{SPEC[:place]}    {written}\n{SPEC[place:]}")
    found = completion.completions(document, place + 4 + len(written))
    assert offered <= {one.label for one in found}
    assert not not_offered & {one.insert for one in found}


def test_a_name_is_offered_with_what_it_is_worth() -> None:
    document = opened()
    place = SPEC.index("    image\n")
    document.update(f"{SPEC[:place]}    wid\n{SPEC[place:]}")
    assert [c.detail for c in completion.completions(document, place + 7) if c.label == "width"] == ["16"]


# --- while it is broken


def test_shapes_stay_while_a_line_is_broken_and_move_with_the_text() -> None:
    document = opened()
    document.update(SPEC.replace("    image\n", "    image ->\n\n"))
    document.examine()
    assert [fault.code for fault in document.diagnostics] != []
    assert shapes(document)[14] == "[N, 10]"


def test_a_fault_comes_with_its_fix() -> None:
    text = SPEC.replace("conv(width, 3, padding = 1) #", "cnov(width, 3, padding = 1) #")
    document = opened(text)
    assert [a.edits[0].replacement for a in actions.actions(document, 0, len(text))] == ["conv"]


def test_a_fault_of_shapes_leaves_the_rest_known() -> None:
    document = opened(SPEC.replace("-> conv2: conv(width, 3, padding = 1)", "-> conv2: conv(width, 3)"))
    assert [fault.code for fault in document.diagnostics] == ["shape-mismatch"]
    assert shapes(document)[11] == "[N, 16, 12, 12]"


@pytest.mark.parametrize(
    ("before", "after"), [("abc", "abXc"), ("abc", "ac"), ("aa", "aaa"), ("", "x"), ("abc", "abc"), ("abab", "ab")]
)
def test_a_place_that_was_not_written_over_keeps_its_character(before: str, after: str) -> None:
    moved = Moved.between(before, after)
    for offset, character in enumerate(before):
        now = moved.forward(offset)
        if now is not None and offset not in range(moved.start, moved.old):
            assert after[now] == character
            assert moved.back(now) == offset


def everything(document: OpenDocument, offset: int) -> None:
    """All that an editor asks, at a place."""
    completion.completions(document, offset)
    hover.hover(document, offset)
    navigation.definition(document, offset)
    navigation.references(document, offset)
    hints.hints(document)
    hints.choices(document)
    tokens.tokens(document)
    navigation.outline(document)
    actions.actions(document, offset, offset)


def test_a_spec_cut_at_any_place_and_written_again_is_answered_and_ends_right() -> None:
    document = opened()
    for end in [*range(0, len(SPEC), 7), len(SPEC)]:
        document.update(SPEC[:end])
        if end % 3 == 0 or end == len(SPEC):
            document.examine()
        everything(document, end)
    assert document.diagnostics == ()
    assert shapes(document) == shapes(opened())


@pytest.mark.heavy
@pytest.mark.parametrize("file", shipped.shipped_specs(), ids=lambda file: file.name)
def test_no_spec_cut_at_any_token_is_too_broken(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    document = opened(text, file)
    expected = shapes(document)
    for end in sorted({span.end for span, _ in tokens.tokens(document)}):
        document.update(text[:end])
        document.examine()
        everything(document, end)
    document.update(text)
    document.examine()
    assert shapes(document) == expected
