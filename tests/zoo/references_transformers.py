"""The models of transformers and torchvision that the transformers of specs/ are named after, of any size.

Each is made from the settings of a network of archdsl, so that a small one can be compared value by value, and a large
one by its names and figures alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import torch
import transformers
from torch import nn

import archdsl
from archdsl.graph import header
from tests.zoo.references_libraries import SwinTransformer  # torchvision loads behind what that declares


def _swin(depths: list[int], heads: list[int], width: int, drop: float, window: int, classes: int, **_: Any) -> Any:
    return SwinTransformer(
        [4, 4], width, depths, heads, [window, window], stochastic_depth_prob=drop, num_classes=classes
    )


def _bert(
    kind: type[nn.Module], width: int, depth: int, heads: int, places: int, vocabulary: int, drop: float
) -> nn.Module:
    config = transformers.BertConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        num_hidden_layers=depth,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        max_position_embeddings=places,
        hidden_dropout_prob=drop,
        attention_probs_dropout_prob=drop,
    )
    return kind(config)


def _gpt2(width: int, depth: int, heads: int, places: int, vocabulary: int, drop: float) -> nn.Module:
    # The published networks write the same function out (`gelu_new`), which rounds otherwise.
    config = transformers.GPT2Config(
        vocab_size=vocabulary,
        n_positions=places,
        n_embd=width,
        n_layer=depth,
        n_head=heads,
        embd_pdrop=drop,
        attn_pdrop=drop,
        resid_pdrop=drop,
        activation_function="gelu_pytorch_tanh",
    )
    return transformers.GPT2LMHeadModel(config)


def _llama(stretch: int, context: int, tied: bool, size: int, **said: Any) -> nn.Module:
    rope: dict[str, Any] = {"rope_type": "default", "rope_theta": said["theta"]}
    if stretch != 1:
        rope |= {"rope_type": "llama3", "factor": float(stretch), "original_max_position_embeddings": context}
        rope |= {"low_freq_factor": 1.0, "high_freq_factor": 4.0}
    config = transformers.LlamaConfig(
        **_decoder(said), head_dim=size, rope_parameters=rope, tie_word_embeddings=tied, rms_norm_eps=said["eps"]
    )
    return transformers.LlamaForCausalLM(config)


def _mixtral(experts: int, k: int, form: str, **said: Any) -> nn.Module:
    config = transformers.MixtralConfig(
        **_decoder(said),
        rope_parameters={"rope_type": "default", "rope_theta": said["theta"]},
        num_local_experts=experts,
        num_experts_per_tok=k,
        router_aux_loss_coef=0.02,
        output_router_logits=True,
    )
    config._experts_implementation = "eager"  # one expert after the other
    return transformers.MixtralForCausalLM(config)


def _decoder(said: Mapping[str, Any]) -> dict[str, Any]:
    """What the configurations of both decoders call alike."""
    return {
        "vocab_size": said["vocabulary"],
        "hidden_size": said["width"],
        "num_hidden_layers": said["depth"],
        "num_attention_heads": said["heads"],
        "num_key_value_heads": said["groups"],
        "intermediate_size": said["hidden"],
        "max_position_embeddings": 131072,
    }


def _clip(*, size: int, patch: int, places: int, words: int, width: int, **said: Any) -> nn.Module:
    def tower(of: str, **more: Any) -> dict[str, Any]:
        breadth = said[f"{of}_width"]
        sizes = {"hidden_size": breadth, "intermediate_size": 4 * breadth, "num_hidden_layers": said[f"{of}_depth"]}
        return {**sizes, "num_attention_heads": said[f"{of}_heads"], "projection_dim": width, **more}

    text = tower("text", vocab_size=words, max_position_embeddings=places, eos_token_id=words - 1)
    vision = tower("image", image_size=size, patch_size=patch)
    return transformers.CLIPModel(transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=width))


BUILT: Final[dict[str, Callable[..., nn.Module]]] = {
    "Swin": _swin,
    "Bert": lambda **said: _bert(transformers.BertModel, **said),
    "BertForPreTraining": lambda **said: _bert(transformers.BertForPreTraining, **said),
    "Gpt2": _gpt2,
    "Llama": _llama,
    "Mixtral": _mixtral,
    "Clip": _clip,
}


def built(network: archdsl.Network) -> nn.Module:
    """The model of a library that has the sizes of a network."""
    said = header(network.graph)
    settings = dict(said["settings"])
    if "pixel_values" in said["inputs"]:
        settings["size"] = network.graph.nodes["pixel_values"]["shape"][-1]
    return BUILT[said["network"]](**settings)


def outputs(model: nn.Module, inputs: Mapping[str, torch.Tensor], **targets: torch.Tensor) -> Any:
    """What a model makes of inputs by their names; of targets too, its loss."""
    if isinstance(model, SwinTransformer):
        return {"logits": model(*inputs.values())}
    made = dict(inputs)
    if "attention_mask" in made:
        made["attention_mask"] = made["attention_mask"].long()  # transformers' masks are numbers
    return model(**made, **targets)
