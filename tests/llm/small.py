"""Sizes of small models, by the names of most configs of transformers."""

from __future__ import annotations

from typing import Any

SMALL: dict[str, Any] = {
    "vocab_size": 97,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
}

GROUPED = SMALL | {"num_key_value_heads": 2}
"""Sizes with two query heads to each head of keys and values."""
