"""Models by name: real shapes with random weights, or small ones of the same architecture."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from multibin._args import sentence
from multibin.llm._load.tiny import tiny_model

__all__ = ["BUILT_IN", "NAMES", "build", "shape"]

BUILT_IN = "tiny"
"""The engine's own model of two layers."""

SHAPES: dict[str, dict[str, Any]] = {
    # Tied embeddings: 75 million weights, 300 MB in float32.
    "llama-768x8": {
        "model_type": "llama",
        "hidden_size": 768,
        "intermediate_size": 2048,
        "num_hidden_layers": 8,
        "num_attention_heads": 12,
        "num_key_value_heads": 4,
        "vocab_size": 32_000,
        "max_position_embeddings": 2048,
    },
    "qwen3-0.6b": {
        "model_type": "qwen3",
        "hidden_size": 1024,
        "intermediate_size": 3072,
        "num_hidden_layers": 28,
        "num_attention_heads": 16,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "vocab_size": 151_936,
        "max_position_embeddings": 40_960,
        "rope_theta": 1_000_000.0,
    },
    "llama-3.2-1b": {
        "model_type": "llama",
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": 16,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 64,
        "vocab_size": 128_256,
        "max_position_embeddings": 131_072,
        "rope_theta": 500_000.0,
    },
    # Without LongRoPE: its factors change no shape, and 4,096 positions are enough.
    "phi-3.5-mini": {
        "model_type": "phi3",
        "hidden_size": 3072,
        "intermediate_size": 8192,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 32,
        "vocab_size": 32_064,
        "max_position_embeddings": 4096,
        "tie_word_embeddings": False,
    },
}

NAMES = (*SHAPES, BUILT_IN)

SMALL = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "head_dim": 16,
    "num_attention_heads": 4,
    "vocab_size": 259,
}


def shape(name: str, *, small: bool = False) -> dict[str, Any]:
    """Returns the fields of a config; `small` keeps the ratio of query to key heads.

    >>> shape("llama-768x8", small=True)["num_key_value_heads"]
    1
    """
    if name not in SHAPES:
        raise ValueError(sentence("model", f"one of {', '.join(NAMES)}", name))
    sizes = {"tie_word_embeddings": True} | SHAPES[name]
    if not small:
        return sizes
    group = sizes["num_attention_heads"] // sizes["num_key_value_heads"]
    heads = {"num_key_value_heads": max(1, SMALL["num_attention_heads"] // group)}
    return sizes | SMALL | heads


def build(
    name: str,
    *,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
    small: bool = False,
) -> Any:
    """Returns a model in evaluation mode that has no end-of-sequence token.

    Its weights depend on the seed and the kind of device. They are made on the device.
    """
    if name == BUILT_IN:
        model: Any = tiny_model(seed=seed).to(device, dtype)
        # `generate` takes it from here where a call says None.
        model.generation_config.eos_token_id = None
        return model
    special = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"))
    config = AutoConfig.for_model(**shape(name, small=small), **special)
    devices = [] if device == "cpu" else [torch.device(device)]
    with torch.random.fork_rng(devices=devices), torch.device(device):
        torch.manual_seed(seed)
        return AutoModelForCausalLM.from_config(config, dtype=dtype).eval()
