"""The one module that relies on what transformers does not promise.

It tells versions apart by what they can do, never by their number. From transformers itself the
engine imports only public names:

- the `Auto…` classes with `from_pretrained` and the keys of its loading info;
- `PreTrainedModel` with `can_generate`, `generate` and `load_adapter`; `PreTrainedConfig`;
- the fields of a generation config that `generation_config` names;
- tokenizers, and the classes of one model for the built-in one.

What else it relies on is reached through this module:

- `forward`: the argument that takes the cache is `past_key_values` or `cache`. The logits are
  element 0 of its output. `position_ids` may be taken by name or through `**kwargs`. Without a
  mask, attention is causal, so that padding on the right changes nothing before it.
- `generate` with `output_logits`: the logits of one row alone, to which `probe` compares.
- `Cache`: models call `update(keys, values, layer)`, `get_seq_length`, `get_mask_sizes`, and read
  `is_sliding`, `is_linear`, `is_dummy`, `is_compileable`. `cache_view` implements the first three.
- `DynamicCache`: without a config it grows by layers as they are used; their `keys` and `values`
  hold what was cached. With a config, its `layers` have a class for each kind.
- `DynamicLayer`, `DynamicSlidingWindowLayer.sliding_window`, `DYNAMIC_LAYER_TYPE_MAPPING`: which
  layers attend to everything, which to a window, and the names of the others.
- Configs, of all families: `get_text_config`, `is_encoder_decoder`, `layer_types`, `auto_map`,
  `_attn_implementation`, `_experts_implementation`, the names in `POSITIONS`.
- Configs, of positions: `rope_parameters`, flat or by kind of layer, and
  `original_max_position_embeddings`; `alibi`, and `model_type` for Bloom.
- Configs, of windows: `attention_layers` and `window_size` (GPT-Neo), `keep_window_size` (Doge).
- Models: `_is_stateful`, `_supports_attention_backend`, `get_input_embeddings`,
  `get_output_embeddings`.
- Masks: one of four dimensions is added to the scores as it is, where
  `_supports_attention_backend` is set and attention is "sdpa" or "eager".
- `AutoModelForCausalLM._model_mapping`: the class of a config.
- accelerate's `_hf_hook.execution_device`: where an offloaded part computes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel
from transformers.cache_utils import (
    DYNAMIC_LAYER_TYPE_MAPPING,
    Cache,
    DynamicCache,
    DynamicLayer,
    DynamicSlidingWindowLayer,
)

from multibin.llm._load.generation_config import NEUTRAL

CACHE_ARGUMENTS = ("past_key_values", "cache")
"""Names of the argument of `forward` that takes the cache; the first that a model has is used.

Transformers 5.24 renamed it. In earlier versions XLM has a `cache` with another meaning.
"""

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

EMPTY = "dummy"
"""A layer that caches nothing: no attention, or the keys and values of another layer."""


class FullCache(Cache):  # type: ignore[misc]
    """The base of a cache with full attention in every layer; a subclass stores keys and values.

    The properties are constants here. The base class of transformers computes them from its layers,
    several times a forward pass.
    """

    def __init__(self, layers: int) -> None:
        super().__init__(layers=[DynamicLayer() for _ in range(layers)])
        self._no_layer = [False] * layers

    @property
    def is_sliding(self) -> list[bool]:
        """Returns false for each layer: none attends to a window."""
        return self._no_layer

    @property
    def is_linear(self) -> list[bool]:
        """Returns false for each layer: none is recurrent."""
        return self._no_layer

    @property
    def is_dummy(self) -> list[bool]:
        """Returns false for each layer: each caches."""
        return self._no_layer

    @property
    def is_compileable(self) -> bool:
        """Returns false: shapes are not static."""
        return False


class Recorder:
    """A plain cache of transformers that shows what a model puts into it."""

    def __init__(self) -> None:
        # A config may count an encoder's layers; without one the cache grows as layers are used.
        self.cache = DynamicCache()

    def layers(self) -> dict[int, tuple[Tensor, Tensor]]:
        """Returns keys and values by the layer's index in the model.

        Layers that cache nothing are left out.
        """
        seen = enumerate(self.cache.layers)
        return {i: (layer.keys, layer.values) for i, layer in seen if layer.keys is not None}


@dataclass(frozen=True)
class Form:
    """How `forward` is called: the name of its cache argument, and which passes get positions."""

    cache: str
    prefill_positions: bool
    decode_positions: bool


def forms(model: PreTrainedModel) -> list[Form]:
    """Returns the forms in which `model` may be called, in the order of their trials.

    Positions go to each model that names them, as in `generate`. A model that takes further keyword
    arguments may hand positions on.
    """
    cache = cache_argument(_forward(model))
    if cache is None:
        return []
    if takes_positions(model):
        return [Form(cache, True, True), Form(cache, False, True)]
    several = signature(_forward(model)).parameters.values()
    handed_on = any(parameter.kind is Parameter.VAR_KEYWORD for parameter in several)
    return [Form(cache, False, False), *([Form(cache, True, True)] if handed_on else [])]


def logits(
    model: PreTrainedModel,
    form: Form,
    ids: Tensor,
    cache: object,
    positions: Tensor | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Feeds ids [rows, width] behind what `cache` holds, and returns logits [rows, width, vocab].

    Without a mask, attention is causal over all that is cached.
    """
    extra: dict[str, Any] = {} if positions is None else {"position_ids": positions}
    extra[form.cache] = cache
    output = model(input_ids=ids, attention_mask=mask, use_cache=True, **extra)
    return output[0]  # type: ignore[no-any-return]


def logits_alone(model: PreTrainedModel, ids: Tensor) -> Tensor:
    """Feeds ids [1, width] without a cache, and returns logits [1, width, vocab]."""
    extra = {"position_ids": arange(ids)} if takes_positions(model) else {}
    output = model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False, **extra)
    return output[0]  # type: ignore[no-any-return]


def next_logits(model: PreTrainedModel, ids: Tensor) -> Tensor:
    """Returns the logits behind ids [1, width] that `generate` computes, [vocab].

    Models may prepare their inputs for `generate` in their own way. Where `generate` fails, the
    logits are those of `forward`.
    """
    try:
        output = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=1,
            do_sample=False,
            use_cache=False,
            pad_token_id=0,
            return_dict_in_generate=True,
            output_logits=True,
            **{**NEUTRAL, "repetition_penalty": 1},
        )
    except Exception:
        return logits_alone(model, ids)[0, -1]
    return output.logits[0][0]  # type: ignore[no-any-return]


def arange(ids: Tensor) -> Tensor:
    """Returns positions 0, 1, … for ids [rows, width]."""
    # Contiguous: some models view it as one row.
    return torch.arange(ids.shape[1], device=ids.device).repeat(ids.shape[0], 1)


def takes_positions(model: PreTrainedModel) -> bool:
    """Returns whether `model` names `position_ids`; `generate` then passes them."""
    return "position_ids" in signature(_forward(model)).parameters


def _forward(model: PreTrainedModel) -> Callable[..., Any]:
    """Returns the `forward` that names its arguments: the model's or, if wrapped, its class's."""
    own: Callable[..., Any] = model.forward
    return own if cache_argument(own) else type(model).forward


def cache_argument(forward: Callable[..., Any]) -> str | None:
    """Returns the name under which `forward` takes its cache, None if it takes none."""
    parameters = signature(forward).parameters
    return next((name for name in CACHE_ARGUMENTS if name in parameters), None)


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
        return [
            Layer("local_attention", window) if kind == "local" else Layer(FULL) for kind in local
        ]
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


def takes_additive_mask(model: PreTrainedModel) -> bool:
    """Returns whether attention adds a mask of four dimensions to its scores as it is."""
    standard = getattr(model, "_supports_attention_backend", False)
    return standard and model.config._attn_implementation in ("sdpa", "eager")


def groups_experts(model: PreTrainedModel) -> bool:
    """Returns whether experts are computed by grouped products, which lack float64."""
    return getattr(model.config, "_experts_implementation", None) not in (None, "eager")


def vocabulary(model: PreTrainedModel) -> int | None:
    """Returns the rows of the one table of token embeddings, or None without such a table."""
    try:
        weight = getattr(model.get_input_embeddings(), "weight", None)
    except (AttributeError, NotImplementedError):
        return None
    return weight.shape[0] if isinstance(weight, Tensor) and weight.dim() == 2 else None


def output_head(model: PreTrainedModel) -> nn.Module | None:
    """Returns the module that projects states to the vocabulary, or None if none is named."""
    try:
        head = model.get_output_embeddings()
    except (AttributeError, NotImplementedError):
        return None
    return head if isinstance(head, nn.Module) else None


def is_offloaded(model: PreTrainedModel) -> bool:
    """Returns whether accelerate keeps a part of `model` away from where it computes."""
    return any(hasattr(part, "_hf_hook") for part in model.modules())


def device(model: PreTrainedModel) -> torch.device:
    """Returns the device on which `model` takes its tokens."""
    first: nn.Module = model.get_input_embeddings()
    where = getattr(getattr(first, "_hf_hook", None), "execution_device", None)
    return model.device if where is None else torch.device(where)
