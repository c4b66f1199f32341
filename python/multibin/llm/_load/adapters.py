"""PEFT adapters, around a model object or in a folder; the package peft is not imported."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from multibin.llm._load import hf

TOKENS = 3
"""Tokens of the comparison between a wrapped model and the model inside."""

INVOKED = "alora_invocation_tokens"
"""A field in the config of a LoRA that acts behind certain tokens only; its wrapper finds them."""


def is_wrapped(source: Any) -> bool:
    """Returns whether `source` is a PEFT model around another."""
    return hasattr(source, "peft_config") and not isinstance(source, PreTrainedModel)


def unwrapped(source: Any) -> Any:
    """Returns the model inside, whose layers hold the adapters."""
    if hasattr(source, "get_base_model"):
        return source.get_base_model()
    # Of several kinds of adapters at once.
    return source.base_model.model


def check_adapters(source: Any, model: PreTrainedModel) -> None:
    """Refuses adapters that act outside the layers of `model`, such as virtual tokens.

    Raises:
        ValueError: the wrapped model computes something else than the model inside, or fails.
    """
    configs = list(source.peft_config.values())
    ids = torch.arange(1, TOKENS + 1, device=hf.device(model))[None]
    with torch.inference_mode(), torch.autocast(ids.device.type, enabled=False):
        inside = model(input_ids=ids)[0]
        try:
            around = source(input_ids=ids)[0]
        except (RuntimeError, TypeError, ValueError) as error:
            raise _outside(source, model, configs) from error
    if not _alike(inside, around) or any(getattr(c, INVOKED, None) for c in configs):
        raise _outside(source, model, configs)


def _alike(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.allclose(one, other, rtol=1e-3, atol=1e-5)


def _outside(source: Any, model: PreTrainedModel, configs: Iterable[Any]) -> ValueError:
    kinds = ", ".join(str(getattr(config, "peft_type", config)) for config in configs)
    return ValueError(
        f"model: {type(source).__name__} has adapters outside the layers of "
        f"{type(model).__name__} ({kinds}), which the engine does not run; "
        "get_base_model() is the model without them"
    )


def adapter_base(folder: str) -> str | None:
    """Returns the base model that an adapter's folder names, None for any other folder.

    Raises:
        ValueError: the adapter names no base model, or one whose folder is missing, or it acts
            outside the layers.
    """
    file = Path(folder) / "adapter_config.json"
    if not file.is_file() or file.with_name("config.json").is_file():
        return None
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"adapter_config.json must be JSON: {error}") from None
    base = config.get("base_model_name_or_path") if isinstance(config, dict) else None
    if not base or not isinstance(base, str):
        raise ValueError("adapter_config.json names no base model (base_model_name_or_path)")
    if config.get(INVOKED):
        raise ValueError(f"its adapter acts behind certain tokens only ({INVOKED})")
    if base.startswith((".", "/", "~")) and not Path(base).is_dir():
        raise ValueError(f"the base model that its adapter names is missing: {base!r}")
    return base


def load_adapter(model: PreTrainedModel, folder: str) -> None:
    """Puts the adapter of a folder into the layers of its base model.

    Raises:
        ValueError: weights of the adapter are missing.
    """
    found = model.load_adapter(folder)
    if missing := sorted(getattr(found, "missing_keys", None) or ()):
        raise ValueError(f"{len(missing)} weights of the adapter are missing: {missing[0]}, …")
