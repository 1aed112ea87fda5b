"""Rewrites of generated networks: the same outputs in inference, the same training where there is any."""

from __future__ import annotations

import hypothesis
import torch
from hypothesis import given, settings

from archdsl.graph import input_shapes, layers
from archdsl.measure.network.analyse import analyse
from archdsl.rewrite.apply import REWRITES, rewritten
from compiler import compile_graph
from tests.generate.agreement import graph_of, tensors
from tests.generate.networks import Generated, generated
from tests.rewrite.equality import both, follows, near, outputs
from tests.rewrite.networks import rewritable

FEW = settings(max_examples=12, suppress_health_check=list(hypothesis.HealthCheck))
TRAINING = [name for name, rewrite in REWRITES.items() if rewrite.trains]


@FEW
@given(rewritable())
def test_in_inference_outputs_are_equal_within_a_hundred_thousandth(text: str) -> None:
    graph = graph_of(text, {"x": (2, 4, 6, 6)})
    before, after, _ = both(graph, "all", "inference")
    x = torch.randn(2, 4, 6, 6)
    with torch.no_grad():
        (expected,) = outputs(before.eval(), x)
        (found,) = outputs(after, x)
    assert near(expected, found)


@FEW
@given(rewritable())
def test_in_training_outputs_gradients_and_steps_are_those_of_the_network_before(text: str) -> None:
    graph = graph_of(text, {"x": (4, 4, 6, 6)})
    before, after, rewriting = both(graph, "all", "training")
    models = (before.double(), after.double())  # so that only the order of sums differs
    x, target = torch.randn(4, 4, 6, 6, dtype=torch.float64), torch.tensor([0, 2, 1, 1])
    optimizers = [torch.optim.SGD(m.parameters(), lr=1e-2, momentum=0.9, weight_decay=0.1) for m in models]
    for _ in range(2):
        made = []
        for model, optimizer in zip(models, optimizers, strict=True):
            optimizer.zero_grad()
            made.append(outputs(model, x))
            model.loss(made[-1] if len(made[-1]) > 1 else made[-1][0], target).backward()
        assert all(near(a.detach(), b.detach(), 1e-10) for a, b in zip(*made, strict=True))
        gradients = {name: p.grad for name, p in before.named_parameters() if p.grad is not None}
        for name, parameter in after.named_parameters():
            assert (parameter.grad is None) == (not parameter.requires_grad)
            if parameter.grad is not None:
                torch.testing.assert_close(parameter.grad, follows(rewriting, gradients, name), rtol=1e-6, atol=1e-10)
        for optimizer in optimizers:
            optimizer.step()
    state = before.state_dict()
    for name, tensor in after.state_dict().items():
        torch.testing.assert_close(tensor, follows(rewriting, state, name), rtol=1e-6, atol=1e-10)


@FEW
@given(generated())
def test_whatever_is_valid_is_rewritten_into_a_valid_graph(net: Generated) -> None:
    graph = graph_of(net.text, net.shapes)
    for phase in ("inference", "training"):
        changed = rewritten(graph, "all", phase)
        keys = list(changed)
        assert all(keys.index(producer) < keys.index(key) for producer, key in changed.edges())
        for key, node in layers(changed):
            if node["op"] != "input":
                assert node["operator"].infer_all(*input_shapes(changed, key)) == node["outputs"]
        report, model = analyse(changed), compile_graph(changed)
        assert report.params == sum(p.numel() for p in model.parameters())
        assert report.buffers == sum(b.numel() for b in model.buffers())


@FEW
@given(generated())
def test_generated_networks_give_the_same_in_inference(net: Generated) -> None:
    graph = graph_of(net.text, net.shapes)
    before, after, _ = both(graph, "all", "inference")
    given = tensors(graph, "cpu")
    with torch.no_grad():
        for a, b in zip(outputs(before.eval(), *given), outputs(after, *given), strict=True):
            assert near(a, b)
