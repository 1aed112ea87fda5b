"""Findings in the formats that other programs read: JSON, SARIF 2.1.0, annotations of GitHub Actions."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from email.message import Message
from importlib import metadata
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from archdsl.catalogue import CATALOGUE
from archdsl.diagnostics import Diagnostic, Findings
from archdsl.errors import SpecError
from archdsl.pipeline import check
from archdsl.render import github, sarif
from archdsl.render.formats import FORMATS
from archdsl.source import Source, Span

FAULTS = Path(__file__).resolve().parents[1] / "faults"
# Faults with labels, with a chain of blocks, with a fix, in YAML, of several lines, several in one file.
SPECS = (
    "duplicate-path.arch",
    "shape-mismatch-residual.arch",
    "shape-mismatch-yaml.yaml",
    "no-value.arch",
    "several-independent-faults.arch",
    "unknown-name-value.arch",
    "empty-spec-comments-only.arch",
)


@pytest.fixture(autouse=True)
def _beside_the_specs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FAULTS)


def findings(*specs: str) -> list[Findings]:
    found = []
    for spec in specs:
        with pytest.raises(SpecError) as caught:
            check(spec)
        found.append(Findings(spec, diagnostics=caught.value.diagnostics))
    return found


def of_text(text: str, start: int, end: int, name: str = "net.arch", **parts: Any) -> list[Findings]:
    """One diagnostic that points into a text."""
    span = Span(Source(name, text), start, end)
    return [Findings(name, diagnostics=(Diagnostic("syntax", parts.pop("message", "wrong"), span, **parts),))]


# --- the command


@pytest.mark.parametrize("flags", [["--json"], ["--format", "json"], ["--format", "sarif"], ["--format", "github"]])
def test_documents_go_to_standard_output_and_nothing_beside_them(
    flags: list[str], command_line: Callable[..., Any]
) -> None:
    said = command_line("check", "unknown-name-value.arch", *flags)
    assert (said.status, said.err) == (1, "")
    assert "unknown-name" in said.out


def test_json_is_short_for_format_json(command_line: Callable[..., Any]) -> None:
    specs = ["check", "unknown-name-value.arch", "nowhere.arch"]
    short = command_line(*specs, "--json")
    assert short == command_line(*specs, "--format", "json")
    assert short.status == 2


def test_json_contradicts_another_format(command_line: Callable[..., Any]) -> None:
    said = command_line("check", "unknown-name-value.arch", "--json", "--format", "sarif")
    assert (said.status, said.out) == (2, "")
    assert "--format is sarif" in said.err


def test_text_says_what_is_right_and_then_what_is_wrong(command_line: Callable[..., Any]) -> None:
    said = command_line("check", "unknown-name-value.arch", "../../specs/lenet.arch")
    assert said.status == 1
    assert said.out.startswith("../../specs/lenet.arch: ok (LeNet5, ")
    assert said.err.endswith(
        "\n\n1 error, with a fix (`archdsl check --fix`); `archdsl explain unknown-name` says more\n"
    )


def test_a_spec_with_nothing_but_warnings_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [Findings("net.arch", ("Net",), findings("no-value.arch")[0].diagnostics)]
    assert not found[0].ok
    monkeypatch.setattr(Diagnostic, "level", "warning")
    assert FORMATS["text"].render(found) == "net.arch: ok (Net)\n"


# --- SARIF


def closed(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    """The schema of an object with these properties and no others."""
    properties = required | (optional or {})
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


# What the standard demands of the parts that are used, by its sections.
TEXT = {"type": "string", "minLength": 1}
URI = {"type": "string", "pattern": r"^[A-Za-z0-9._~:/%#-]+$"}
COUNT = {"type": "integer", "minimum": 1}
LEVEL = {"enum": ["none", "note", "warning", "error"]}  # 3.27.10
MESSAGE = closed({"text": TEXT | {"pattern": r"^(?:[^{}]|\{\{|\}\})*$"}})  # 3.11.5: braces are doubled
MULTIFORMAT = closed({"text": TEXT}, {"markdown": TEXT})  # 3.12
ARTIFACT = closed({"uri": URI})  # 3.4
REGION = closed(dict.fromkeys(("startLine", "startColumn", "endLine", "endColumn"), COUNT))  # 3.30
PHYSICAL = closed({"artifactLocation": ARTIFACT}, {"region": REGION})  # 3.29
RELATED = closed({"id": {"type": "integer", "minimum": 0}, "physicalLocation": PHYSICAL, "message": MESSAGE})  # 3.28
REPLACEMENT = closed({"deletedRegion": REGION}, {"insertedContent": closed({"text": {"type": "string"}})})  # 3.57
CHANGE = closed({"artifactLocation": ARTIFACT, "replacements": {"type": "array", "items": REPLACEMENT, "minItems": 1}})
FIX = closed({"artifactChanges": {"type": "array", "items": CHANGE, "minItems": 1}}, {"description": MESSAGE})  # 3.55
RESULT = closed(  # 3.27
    {"ruleId": TEXT, "ruleIndex": {"type": "integer", "minimum": 0}, "level": LEVEL, "message": MESSAGE},
    {
        "locations": {"type": "array", "items": closed({"physicalLocation": PHYSICAL}), "maxItems": 1},
        "relatedLocations": {"type": "array", "items": RELATED, "uniqueItems": True},
        "fixes": {"type": "array", "items": FIX},
    },
)
RULE = closed(  # 3.49
    {
        "id": TEXT,
        "shortDescription": MULTIFORMAT,
        "fullDescription": MULTIFORMAT,
        "help": MULTIFORMAT,
        "defaultConfiguration": closed({"level": LEVEL}),
    },
    {"helpUri": URI | {"pattern": "^https://"}},
)
RUN = closed(  # 3.14
    {
        "tool": closed(
            {"driver": closed({"name": TEXT, "version": TEXT, "rules": {"type": "array", "items": RULE}})}  # 3.18, 3.19
        ),
        "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
        "newlineSequences": {"type": "array", "items": TEXT},
        "results": {"type": "array", "items": RESULT},
    }
)
LOG = closed({"version": {"const": "2.1.0"}, "$schema": URI, "runs": {"type": "array", "items": RUN}})  # 3.13


def run_of(found: list[Findings]) -> dict[str, Any]:
    """The only run of a SARIF log, which has the form that the standard demands."""
    log = json.loads(sarif.document(found))
    jsonschema.validate(log, LOG)
    (only,) = log["runs"]
    assert isinstance(only, dict)
    return only


def test_log_has_the_form_of_the_standard_and_a_result_for_each_diagnostic() -> None:
    found = findings(*SPECS)
    results = run_of(found)["results"]
    assert [r["ruleId"] for r in results] == [d.code for f in found for d in f.diagnostics]


def test_log_of_nothing_wrong_has_no_results() -> None:
    only = run_of([Findings("net.arch", networks=("Net",))])
    assert (only["results"], only["tool"]["driver"]["rules"]) == ([], [])


def test_rules_are_the_codes_that_occur_with_what_explain_says_of_them() -> None:
    only = run_of(findings(*SPECS))
    rules = only["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == sorted({r["ruleId"] for r in only["results"]})
    for result in only["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    for rule in rules:
        entry = CATALOGUE[rule["id"]]
        assert rule["shortDescription"]["text"] == entry.summary
        assert rule["fullDescription"]["text"] == "\n\n".join(entry.paragraphs)
        assert entry.wrong in rule["help"]["markdown"]
        assert rule["defaultConfiguration"]["level"] == entry.level


def test_rules_link_the_documentation_that_the_package_declares(monkeypatch: pytest.MonkeyPatch) -> None:
    declared = metadata.metadata("archdsl")
    assert isinstance(declared, Message)
    declared["Project-URL"] = "Documentation, https://example.org/docs/"
    monkeypatch.setattr(metadata, "metadata", lambda _: declared)
    (rule,) = run_of(findings("no-value.arch"))["tool"]["driver"]["rules"]
    assert rule["helpUri"] == "https://example.org/docs/diagnostics.md#no-value"


def test_columns_count_characters_from_1_and_end_behind_the_last() -> None:
    (result,) = run_of(of_text("# \U0001f600\n# \U0001f600 here\n", 8, 12))["results"]
    region = {"startLine": 2, "startColumn": 5, "endLine": 2, "endColumn": 9}
    assert result["locations"][0]["physicalLocation"] == {"artifactLocation": {"uri": "net.arch"}, "region": region}


def test_region_spans_lines() -> None:
    (result,) = run_of(of_text("block\nhead", 2, 8))["results"]
    region = result["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 1, "startColumn": 3, "endLine": 2, "endColumn": 3}


def test_labels_origins_and_blocks_are_related_locations() -> None:
    (result,) = run_of(findings("shape-mismatch-residual.arch"))["results"]
    related = [(r["message"]["text"], r["physicalLocation"]["region"]["startLine"]) for r in result["relatedLocations"]]
    assert related == [
        ("[N, 256, 112, 112]", 2),
        ("[N, 64, 112, 112]", 6),
        ("256 comes from `layer1.0.conv_3`: out_channels = 256", 5),
        ("64 comes from `conv`: out_channels = 64", 11),
        ("in layer1.0: bottleneck(64), used at shape-mismatch-residual.arch:11:73", 11),
    ]


def test_message_goes_on_with_the_layer_and_the_help() -> None:
    (result,) = run_of(findings("shape-mismatch-residual.arch"))["results"]
    message, layer, help = result["message"]["text"].split("\n")
    assert message.startswith("cannot add ")
    assert layer == "The layer is `layer1.0.add`."
    assert help.startswith("Help: project one of them")


def test_braces_in_messages_are_doubled() -> None:
    (result,) = run_of(of_text("x", 0, 1, message="write `name${i}`"))["results"]
    assert result["message"]["text"] == "write `name${{i}}`"


def test_fix_replaces_a_region() -> None:
    (result,) = run_of(findings("unknown-name-value.arch"))["results"]
    (fix,) = result["fixes"]
    (change,) = fix["artifactChanges"]
    (replacement,) = change["replacements"]
    assert change["artifactLocation"] == {"uri": "unknown-name-value.arch"}
    assert replacement["deletedRegion"] == result["locations"][0]["physicalLocation"]["region"]
    assert replacement["insertedContent"] == {"text": "image"}


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("a b/ö.arch", "a%20b/%C3%B6.arch"),
        ("c:d.arch", "c%3Ad.arch"),  # no scheme
        ("<stdin>", "%3Cstdin%3E"),
        ("/nowhere/net.arch", "file:///nowhere/net.arch"),
    ],
)
def test_files_are_uris(name: str, uri: str) -> None:
    (result,) = run_of(of_text("x", 0, 1, name=name))["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


def test_a_file_that_cannot_be_read_is_a_location_without_a_region() -> None:
    (result,) = run_of(findings("nowhere.arch"))["results"]
    assert result["locations"] == [{"physicalLocation": {"artifactLocation": {"uri": "nowhere.arch"}}}]


# --- GitHub Actions


def test_annotation_points_to_the_columns_of_a_line() -> None:
    assert github.document(findings("unknown-name-value.arch")) == (
        "::error file=unknown-name-value.arch,line=1,endLine=1,col=44,endColumn=48,title=archdsl unknown-name"
        "::unknown name `imag`%0Ahelp: did you mean `image`?\n"
    )


def test_annotation_of_several_lines_has_no_columns() -> None:
    assert github.document(of_text("block\nhead", 2, 8)).startswith("::error file=net.arch,line=1,endLine=2,title=")


def test_annotation_of_a_file_that_cannot_be_read_names_the_file() -> None:
    assert github.document(findings("nowhere.arch")).startswith("::error file=nowhere.arch,title=archdsl unreadable")


def test_annotations_are_escaped() -> None:
    line = github.document(of_text("x", 0, 1, name="a:b,c%\r\n.arch", message="100 % of a, b: c", help="less"))
    properties, message = re.fullmatch(r"::error (.*?)::(.*)\n", line).groups()  # type: ignore[union-attr]
    assert properties.startswith("file=a%3Ab%2Cc%25%0D%0A.arch,line=1,")
    assert message == "100 %25 of a, b: c%0Ahelp: less"


@pytest.mark.parametrize(("level", "command"), [("error", "error"), ("warning", "warning"), ("note", "notice")])
def test_levels_are_commands(level: str, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Diagnostic, "level", level)
    assert github.document(of_text("x", 0, 1)).startswith(f"::{command} file=")


def test_nothing_wrong_is_no_annotation() -> None:
    assert github.document([Findings("net.arch", networks=("Net",))]) == ""
