"""Which models the engine can run, told from the config: full attention in every layer."""

from __future__ import annotations

from typing import Any

from transformers import AutoModelForCausalLM, PretrainedConfig
from transformers.cache_utils import DYNAMIC_LAYER_TYPE_MAPPING, DynamicCache, DynamicLayer

from multibin.llm.hf import cache_argument

LENGTHS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "n_ctx")
"""Names under which configs keep the number of positions."""

UNBOUNDED = 2**31 - 1
"""The context of a model without a number of positions (ALiBi)."""


def check_config(config: PretrainedConfig, model_class: type | None = None) -> None:
    """Refuses what the cache cannot hold; needs no weights.

    Args:
        config: of the model.
        model_class: of the model where it exists already; otherwise the one that transformers
            would build for the config.

    Raises:
        ValueError: an encoder-decoder, a layer that is not full attention (named), recurrent
            state, or no causal language model at all.
    """
    name = f"model: {type(config).__name__.removesuffix('Config')}"
    if getattr(config, "is_encoder_decoder", False):
        raise ValueError(f"{name} is an encoder-decoder; only decoders are supported")
    model_class = model_class or causal_class(config)
    if model_class is None:
        raise ValueError(f"{name} has no causal language model in transformers")
    recurrent = getattr(model_class, "_is_stateful", False)
    for index, kind in enumerate(layer_kinds(config)):
        if kind != "full_attention":
            state = ", recurrent state" if recurrent else ""
            raise ValueError(
                f"{name} has {kind} layers (layer {index}{state}); only full attention is supported"
            )
    if recurrent:
        raise ValueError(f"{name} keeps recurrent state; only full attention is supported")
    if cache_argument(_forward(model_class)) is None:
        raise ValueError(f"{name} keeps no cache of keys and values ({model_class.__name__})")


def _forward(model_class: type) -> Any:
    return model_class.forward  # type: ignore[attr-defined]


def causal_class(config: PretrainedConfig) -> type | None:
    """The class that `AutoModelForCausalLM` builds for `config`, None without one."""
    try:
        found: type | tuple[type, ...] = AutoModelForCausalLM._model_mapping[type(config)]
    except KeyError:
        return None
    return found[0] if isinstance(found, tuple) else found


def layer_kinds(config: PretrainedConfig) -> list[str]:
    """One name a layer, as transformers classifies the layers of its cache."""
    decoder = config.get_text_config(decoder=True)
    # GPT-Neo, whose local layers transformers keeps in a full cache.
    local = getattr(decoder, "attention_layers", None)
    if local is not None and "local" in local:
        return [f"{kind}_attention" if kind == "local" else "full_attention" for kind in local]
    names = {
        layer_class: name for name, layer_class in reversed(DYNAMIC_LAYER_TYPE_MAPPING.items())
    }
    declared = getattr(decoder, "layer_types", None)
    layers = DynamicCache(config=config).layers
    kinds = []
    for index, layer in enumerate(layers):
        full = type(layer) is DynamicLayer
        kind = "full_attention" if full else names.get(type(layer), type(layer).__name__)
        kinds.append(kind if full or not declared else declared[index])
    return kinds


def context_length(config: PretrainedConfig) -> int:
    """The most positions that the model can be fed, `UNBOUNDED` if its config names no number."""
    decoder = config.get_text_config(decoder=True)
    # LongRoPE changes the frequencies of a whole batch once one of its rows is longer than this.
    rope = getattr(decoder, "rope_parameters", None) or {}
    if rope.get("rope_type") == "longrope":
        return int(rope["original_max_position_embeddings"])
    lengths = [getattr(decoder, name, None) for name in LENGTHS]
    return next((int(length) for length in lengths if length), UNBOUNDED)
