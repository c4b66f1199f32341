"""What configs say of a model: its layers, positions and windows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from transformers import AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel
from transformers.cache_utils import (
    DYNAMIC_LAYER_TYPE_MAPPING,
    DynamicCache,
    DynamicLayer,
    DynamicSlidingWindowLayer,
)

from multibin.llm._load.hf._states import keeps_state

POSITIONS = (
    "max_position_embeddings",
    "n_positions",
    "max_seq_len",
    "seq_length",
    "n_ctx",
    "max_target_positions",
)
"""Fields of configs that hold the number of positions."""

WITHOUT_ATTENTION = ("mlp", "moe")
"""Layers that are only a feed-forward network; older versions cache them like recurrent ones."""

FULL = "full_attention"

SLIDING, CHUNKED, LOCAL = "sliding_attention", "chunked_attention", "local_attention"

EMPTY = "dummy"
"""A layer that caches nothing: no attention, or the keys and values of another layer."""


def causal_class(config: PreTrainedConfig) -> type[PreTrainedModel] | None:
    """Returns the class that `AutoModelForCausalLM` builds for `config`, or None."""
    try:
        found = AutoModelForCausalLM._model_mapping[type(config)]
    except KeyError:
        return None
    return found[0] if isinstance(found, tuple) else found  # type: ignore[no-any-return]


def decoder(config: PreTrainedConfig) -> PreTrainedConfig:
    """Returns the part of `config` that describes the text decoder."""
    return config.get_text_config(decoder=True)


def is_encoder_decoder(config: PreTrainedConfig) -> bool:
    """Returns whether the model of `config` reads a source text besides the text it continues."""
    return bool(getattr(config, "is_encoder_decoder", False))


def has_own_code(config: PreTrainedConfig) -> bool:
    """Returns whether code came with `config` that defines its causal language model."""
    return "AutoModelForCausalLM" in (getattr(config, "auto_map", None) or {})


def is_stateful(model_class: type[PreTrainedModel]) -> bool:
    """Returns whether a class may keep state besides keys and values, as recurrent models do."""
    return bool(getattr(model_class, "_is_stateful", False))


@dataclass(frozen=True)
class Layer:
    """What a config says about one layer."""

    kind: str
    """`FULL`, `EMPTY`, or the config's name for another kind."""
    window: int | None = None
    """Positions that a token attends to at most, itself included; None: all."""
    has_state: bool = False
    """Whether it keeps state of fixed size, alone or besides full attention."""

    @property
    def is_chunked(self) -> bool:
        """Returns whether tokens attend within chunks as wide as the window."""
        return self.kind == CHUNKED

    @property
    def is_windowed(self) -> bool:
        """Returns whether the window is one that the engine's attention computes."""
        return self.window is not None and self.kind in (SLIDING, CHUNKED)


def layers(config: PreTrainedConfig) -> list[Layer]:
    """Returns what each layer is, in the order in which transformers caches them.

    Raises:
        Exception: of any type; transformers makes no cache of the config.
    """
    text = decoder(config)
    # GPT-Neo: transformers keeps its local layers in a full cache.
    local = getattr(text, "attention_layers", None)
    if local is not None and "local" in local:
        window = text.window_size
        return [Layer(LOCAL, window) if kind == "local" else Layer(FULL) for kind in local]
    names = {
        layer_class: name for name, layer_class in reversed(DYNAMIC_LAYER_TYPE_MAPPING.items())
    }
    cached = DynamicCache(config=config).layers
    declared = getattr(text, "layer_types", None) or [None] * len(cached)
    # Doge attends to its best positions only, once there are more than this number.
    kept = getattr(text, "keep_window_size", None)
    return [
        _layer(layer, names.get(type(layer), type(layer).__name__), kind, kept)
        # Some versions leave out last layers that use the keys and values of others.
        for layer, kind in zip(cached, declared, strict=False)
    ]


def _layer(layer: Any, name: str, declared: str | None, kept: int | None) -> Layer:
    if type(layer) is DynamicLayer:
        return Layer(FULL, kept)
    if type(layer) is DynamicSlidingWindowLayer:
        return Layer(declared or name, _min([layer.sliding_window, kept]))
    if keeps_state(layer):
        window = getattr(layer, "sliding_window", None)
        return Layer(declared or name, window, has_state=window is None)
    empty = name == EMPTY or declared in WITHOUT_ATTENTION
    return Layer(EMPTY if empty else declared or name)


def declares_layers(config: PreTrainedConfig) -> bool:
    """Returns whether `config` names the kind of each layer."""
    return bool(getattr(decoder(config), "layer_types", None))


def positions(config: PreTrainedConfig) -> int | None:
    """Returns the number of positions in `config`, or None: ALiBi, or no such field."""
    text = decoder(config)
    # Bloom has no field for ALiBi. MPT has one, but computes its biases for these positions only.
    if getattr(text, "alibi", False) is True or text.model_type == "bloom":
        return None
    numbers = [getattr(text, name, None) for name in POSITIONS]
    return next((int(number) for number in numbers if number), None)


def longrope(config: PreTrainedConfig) -> int | None:
    """Returns the most positions before LongRoPE changes the frequencies of a whole batch.

    The result is None where no layer uses LongRoPE. Configs may keep the parameters by kind of
    layer.
    """
    text = decoder(config)
    parameters = getattr(text, "rope_parameters", None) or {}
    kinds = set(getattr(text, "layer_types", None) or parameters)
    nested = [parameters[kind] for kind in kinds if isinstance(parameters.get(kind), dict)]
    return _min(_original(text, rope) for rope in nested or [parameters])


def _original(text: PreTrainedConfig, rope: dict[str, Any]) -> int | None:
    if rope.get("rope_type") != "longrope":
        return None
    length = rope.get("original_max_position_embeddings") or getattr(
        text, "original_max_position_embeddings", None
    )
    return int(length) if length else positions(text)


def _min(numbers: Iterable[int | None]) -> int | None:
    return min((int(number) for number in numbers if number is not None), default=None)
