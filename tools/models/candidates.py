"""The models to try: causal classes, classes that read images too, variants of configs."""

from __future__ import annotations

from typing import Any

from transformers import (
    CONFIG_MAPPING,
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
    PretrainedConfig,
)

from tools.models.records import CAUSAL, IMAGE, VARIANT
from tools.models.shrink import tiny_config
from tools.models.variants import VARIANTS


def candidates() -> list[str]:
    """Returns all names: model types of both mappings, and variants, each group sorted."""
    known = [
        name for name, (model_type, _) in sorted(VARIANTS.items()) if model_type in CONFIG_MAPPING
    ]
    return [*_types(MODEL_FOR_CAUSAL_LM_MAPPING), *_image_types(), *known]


def _types(mapping: Any) -> list[str]:
    classes = set(mapping.keys())
    return sorted(name for name, config in CONFIG_MAPPING.items() if config in classes)


def _image_types() -> list[str]:
    causal = set(_types(MODEL_FOR_CAUSAL_LM_MAPPING))
    return [name for name in _types(MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING) if name not in causal]


def group(name: str) -> str:
    """Returns the table of the page to which `name` belongs."""
    if name in VARIANTS:
        return VARIANT
    return CAUSAL if CONFIG_MAPPING[name] in MODEL_FOR_CAUSAL_LM_MAPPING else IMAGE


def config_of(name: str) -> PretrainedConfig:
    """Returns the tiny config of `name`."""
    model_type, changes = VARIANTS.get(name, (name, {}))
    return tiny_config(model_type, changes)


def class_name(name: str) -> str:
    """Returns the name of the class that transformers builds for `name`."""
    model_type, _ = VARIANTS.get(name, (name, {}))
    config = CONFIG_MAPPING[model_type]
    causal = config in MODEL_FOR_CAUSAL_LM_MAPPING
    mapping = MODEL_FOR_CAUSAL_LM_MAPPING if causal else MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
    found = mapping[config]
    name_: str = (found[0] if isinstance(found, tuple) else found).__name__
    return name_
