"""Makes tiny configs: the default of a model type's family, with small numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from transformers import CONFIG_MAPPING, PretrainedConfig

from tools.models.sizes import FAMILIES, LAYERS, PATTERNS, SIZES, TOKENS


def tiny_config(model_type: str, changes: Mapping[str, Any] | None = None) -> PretrainedConfig:
    """Returns a config of `model_type` for a model of some 10,000 parameters.

    Only sizes change: windows stay windows, experts stay experts.

    Args:
        model_type: the name in transformers.
        changes: values of a variant, which override all others.
    """
    config = shrink(CONFIG_MAPPING[model_type], {**FAMILIES.get(model_type, {}), **(changes or {})})
    _remove_eos(config)
    return config


def shrink(config_class: type[PretrainedConfig], family: Mapping[str, Any]) -> PretrainedConfig:
    """Returns the default of `config_class` with the sizes of `sizes`, also in nested configs.

    Args:
        config_class: the class of the config.
        family: values that override the sizes; a mapping is for a nested config.
    """
    default = _default(config_class, family)
    values = _sizes(default) | _roles(default) | dict(family) | _nested(default, family)
    layers = next((values[name] for name in LAYERS if name in values), None)
    lists = {} if layers is None else _lists(default, layers)
    try:
        config = config_class(**values)
        # Most families derive their lists from the number of layers; some kinds may be lost.
        stale = {name: cut for name, cut in lists.items() if _is_poorer(getattr(config, name), cut)}
    except Exception:
        if not lists:
            raise
        stale = lists
    return config_class(**{**stale, **values}) if stale else config


def _default(config_class: type[PretrainedConfig], family: Mapping[str, Any]) -> PretrainedConfig:
    try:
        return config_class()
    except Exception:
        return config_class(**family)


def _roles(default: PretrainedConfig) -> dict[str, Any]:
    """Returns the field that makes a decoder of an encoder such as BERT."""
    return {"is_decoder": True} if vars(default).get("is_decoder") is False else {}


def _sizes(default: PretrainedConfig) -> dict[str, Any]:
    """Returns new values of the numbers with a known name."""
    own = {name: value for name, value in vars(default).items() if _is_number(value)}
    sizes = {name: SIZES[name] for name in own if name in SIZES}
    if "kv_lora_rank" in sizes:
        # Latent attention has one key for each query.
        sizes["num_key_value_heads"] = sizes["num_attention_heads"]
    layers = 4 if _is_mixed(default) else 2
    sizes |= {name: layers for name in own if name in LAYERS}
    tokens = {name: 0 for name in TOKENS if own.get(name, 0) >= SIZES["vocab_size"]}
    return sizes | tokens | _rope(default)


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_mixed(default: PretrainedConfig) -> bool:
    """Returns whether layers are of several kinds."""
    kinds = getattr(default, "layer_types", None) or []
    return len(set(kinds)) > 1 or any(getattr(default, name, None) for name in PATTERNS)


def _nested(default: PretrainedConfig, family: Mapping[str, Any]) -> dict[str, PretrainedConfig]:
    """Returns the configs inside the config, each shrunken."""
    inner = {n: type(v) for n, v in vars(default).items() if isinstance(v, PretrainedConfig)}
    return {
        name: shrink(kind, {**FAMILIES.get(kind.model_type, {}), **family.get(name, {})})
        for name, kind in inner.items()
    }


def _rope(default: PretrainedConfig) -> dict[str, Any]:
    """Returns the family's rotary parameters, with sections and lengths for tiny heads."""
    rope = getattr(default, "rope_parameters", None)
    return {"rope_parameters": _shorter(rope)} if rope else {}


def _shorter(rope: dict[str, Any]) -> dict[str, Any]:
    """Returns `rope` with positions and sections cut, for each kind of layer if it has kinds."""
    small = {
        "original_max_position_embeddings": SIZES["original_max_position_embeddings"],
        "mrope_section": [2, 1, 1],
    }
    return {
        name: _shorter(value) if isinstance(value, dict) else small.get(name, value)
        for name, value in rope.items()
    }


def _lists(default: PretrainedConfig, layers: int) -> dict[str, list[Any]]:
    """Returns the lists of one entry a layer, cut to `layers` entries with each kind kept."""
    count = next(getattr(default, name) for name in LAYERS if _is_number(getattr(default, name, 0)))
    return {
        name: _cut(value, layers, SIZES.get(name))
        for name, value in vars(default).items()
        if isinstance(value, list | tuple) and len(value) == count
    }


def _cut(entries: Sequence[Any], layers: int, size: int | None) -> list[Any]:
    if size is not None:
        return [size] * layers
    kinds = [entry for index, entry in enumerate(entries) if entry not in entries[:index]]
    return [kinds[index % len(kinds)] for index in range(layers)]


def _is_poorer(derived: Sequence[Any], cut: Sequence[Any]) -> bool:
    """Returns whether a list does not fit the layers or lacks an entry of `cut`."""
    return len(derived) != len(cut) or any(entry not in derived for entry in cut)


def _remove_eos(config: PretrainedConfig) -> None:
    """Removes the ids that would end a text."""
    for owner in (config, *(v for v in vars(config).values() if isinstance(v, PretrainedConfig))):
        owner.eos_token_id = None
