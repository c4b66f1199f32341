"""Shapes of models by name; nothing here imports multibin or transformers."""

from __future__ import annotations

from typing import Any

__all__ = ["BUILT_IN", "NAMES", "SHAPES", "shape"]

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
        raise ValueError(f"model must be one of {', '.join(NAMES)}, got {name!r}")
    sizes = {"tie_word_embeddings": True} | SHAPES[name]
    if not small:
        return sizes
    group = sizes["num_attention_heads"] // sizes["num_key_value_heads"]
    heads = {"num_key_value_heads": max(1, SMALL["num_attention_heads"] // group)}
    return sizes | SMALL | heads
