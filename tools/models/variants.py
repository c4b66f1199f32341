"""Configs that checkpoints have and defaults lack."""

from __future__ import annotations

from typing import Any

from tools.models.sizes import POSITIONS, ROPE

WIDE = 4096
"""A window wider than the context."""

FULL = {"layer_types": ["full_attention"] * 4}
"""Layers of full attention only, for families that mix kinds."""

LONG = {
    "rope_type": "longrope",
    "rope_theta": 10000.0,
    "short_factor": [1.0] * 4,
    "long_factor": [3.0] * 4,
    "original_max_position_embeddings": POSITIONS // 2,
}
"""Frequencies that change for a whole batch once a row is longer than 32."""

SCALED: dict[str, dict[str, Any]] = {
    "linear": {"factor": 2.0},
    "dynamic": {"factor": 2.0},
    "yarn": {"factor": 2.0, "original_max_position_embeddings": POSITIONS // 2},
    "llama3": {
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": POSITIONS // 2,
    },
}
"""Other rotary scalings and their parameters."""


def long(**more: Any) -> dict[str, Any]:
    """Returns LongRoPE with the original length also beside the parameters, as in Phi."""
    return {"rope_parameters": LONG, "original_max_position_embeddings": POSITIONS // 2, **more}


WIDE_WINDOWS = ("mistral", "mixtral", "phi3", "phimoe", "starcoder2", "gpt_oss", "gemma2")
ALL_FULL = (
    "afmoe cohere2 exaone4 gemma2 gemma3_text gemma4_text gpt_oss granite_swa granitemoehybrid "
    "lfm2 llama4_text ministral minimax olmo3 qwen3_next smollm3 vaultgemma"
)

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    **{f"{kind}, no window": (kind, {"sliding_window": None}) for kind in WIDE_WINDOWS[:5]},
    **{f"{kind}, wide window": (kind, {"sliding_window": WIDE}) for kind in WIDE_WINDOWS},
    **{f"{kind}, all full": (kind, {**FULL, "num_hidden_layers": 4}) for kind in ALL_FULL.split()},
    **{
        f"llama, {name} rope": ("llama", {"rope_parameters": {**ROPE, **scaled, "rope_type": name}})
        for name, scaled in SCALED.items()
    },
    "llama, longrope": ("llama", {"rope_parameters": LONG}),
    "llama, one key head": ("llama", {"num_key_value_heads": 1}),
    "llama, tied": ("llama", {"tie_word_embeddings": True}),
    "phi3, longrope": ("phi3", long(sliding_window=None)),
    "phi4_multimodal, longrope": ("phi4_multimodal", long(sliding_window=None)),
    "minicpm3, longrope": ("minicpm3", {"rope_parameters": LONG}),
    "olmo3, longrope by kind of layer": (
        "olmo3",
        {
            **FULL,
            "rope_parameters": {"full_attention": LONG, "sliding_attention": ROPE},
        },
    ),
    "deepseek_v3, yarn": (
        "deepseek_v3",
        {"rope_parameters": {**ROPE, **SCALED["yarn"], "rope_type": "yarn"}},
    ),
    "qwen2, window from layer 1": ("qwen2", {"use_sliding_window": True, "max_window_layers": 1}),
    "falcon, ALiBi": ("falcon", {"alibi": True}),
    "falcon, new architecture": ("falcon", {"new_decoder_architecture": True}),
    "mpt, no ALiBi": ("mpt", {"attn_config": {"alibi": False}}),
    "gpt_neo, all global": (
        "gpt_neo",
        {"attention_types": [[["global"], 4]], "attention_layers": ["global"] * 4},
    ),
    "gpt_bigcode, a key for each query": ("gpt_bigcode", {"multi_query": False}),
    "doge, wide window": ("doge", {"keep_window_size": WIDE}),
    "bert, encoder": ("bert", {"is_decoder": False}),
}
"""By name: the model type, and the fields that override its tiny config."""
