"""A language model with a tied head, its positions counted as it runs, against that of a library."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from archdsl.network import Network

GPT2 = """
block attention(x: [N, T, D], heads) {
    parts = x -> c_attn: linear(3 * D) -> chunk(3, dim = -1)
    q, k, v = [part -> reshape([N, T, heads, D // heads]) -> permute([0, 2, 1, 3]) for part in parts]
    scaled_dot_product_attention(q, k, v, is_causal = true)
        -> permute([0, 2, 1, 3]) -> reshape([N, T, D]) -> c_proj: linear(D)
}

block layer(x: [N, T, D], heads) {
    y = x + (x -> ln_1: layer_norm -> attn: attention(heads))
    y + (y -> ln_2: layer_norm -> mlp: { c_fc: linear(4 * D) -> gelu(approximate = tanh) -> c_proj: linear(D) })
}

network GPT2(ids: [N, T] int64, words = 50, places = 16, width = 12, heads = 3, depth = 2) {
    wte = transformer.wte: module embedding(words, width)
    tokens = ids -> wte
    tokens + (arange(T) -> transformer.wpe: embedding(places, width))
        -> transformer.h: repeat depth { layer(heads) }
        -> transformer.ln_f: layer_norm
        -> lm_head: linear(weight = wte.weight, bias = false)
}
"""
TRANSPOSED = ("c_attn.weight", "c_proj.weight", "c_fc.weight")  # which that library keeps the other way round


@pytest.mark.heavy
def test_gpt2_computes_what_transformers_computes(network_of: Callable[..., Network]) -> None:
    pytest.importorskip("tests.zoo.references_libraries")  # what declares operators that torchvision looks for
    transformers = pytest.importorskip("transformers")
    sizes = {"vocab_size": 50, "n_positions": 16, "n_embd": 12, "n_head": 3, "n_layer": 2}
    reference = transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes)).eval()
    net = network_of(GPT2)
    model = net.compile().eval()
    state = {key: value.T if key.endswith(TRANSPOSED) else value for key, value in reference.state_dict().items()}
    assert "lm_head.weight" in state
    model.load_state_dict(state)
    assert net.report().params == sum(parameter.numel() for parameter in reference.parameters())
    for shape in ((2, 9), (1, 16)):
        ids = torch.randint(50, shape, generator=torch.Generator().manual_seed(0))
        assert torch.equal(model(ids), reference(ids).logits)
