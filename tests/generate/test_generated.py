"""Generated networks: what elaboration says of them is what the compiled module does; and texts that are none."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archdsl.graph import content_hash
from tests.generate.agreement import agree, graph_of
from tests.generate.calls import calls
from tests.generate.networks import Generated, generated
from tests.generate.texts import DAMAGE, TEXTS, YAMLS, is_read_or_refused


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(generated())
def test_a_valid_network_is_the_same_from_its_text_to_torch(net: Generated) -> None:
    agree(net)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(calls())
def test_any_call_of_an_operator_is_the_same_from_its_text_to_torch(net: Generated) -> None:
    agree(net)


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(generated())
def test_elaboration_is_deterministic(net: Generated) -> None:
    assert content_hash(graph_of(net.text, net.shapes)) == content_hash(graph_of(net.text, net.shapes))


@settings(max_examples=300)
@given(TEXTS)
def test_any_text_is_a_spec_or_has_a_diagnostic(text: str) -> None:
    is_read_or_refused(text, "text.arch")


@settings(max_examples=200)
@given(YAMLS)
def test_any_yaml_is_a_spec_or_has_a_diagnostic(text: str) -> None:
    is_read_or_refused(text, "text.yaml")


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(generated(), DAMAGE, st.booleans())
def test_any_damage_to_a_spec_is_a_diagnostic_or_harmless(
    net: Generated, damage: tuple[float, int, str], yaml: bool
) -> None:
    from archdsl.pipeline import convert_source
    from archdsl.source import Source

    text = convert_source(Source("net.arch", net.text), "yaml") if yaml else net.text
    place, length, instead = damage
    start = int(place * len(text))
    is_read_or_refused(text[:start] + instead + text[start + length :], "net.yaml" if yaml else "net.arch")
