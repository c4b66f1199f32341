"""Adapters of PEFT, around a model object or in a folder; peft itself is not imported here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from multibin.llm import hf

TOKENS = 3
"""Tokens that a wrapped model and the model inside are compared on."""


def is_wrapped(source: Any) -> bool:
    """Returns whether `source` is a PEFT model around another."""
    return hasattr(source, "peft_config") and callable(getattr(source, "get_base_model", None))


def unwrapped(source: Any) -> Any:
    """Returns the model inside, whose layers hold the adapters."""
    return source.get_base_model()


def check_adapters(source: Any, model: PreTrainedModel) -> None:
    """Refuses adapters that do not act inside the layers of `model`, such as virtual tokens.

    Raises:
        ValueError: the wrapped model computes something else than the one inside.
    """
    ids = torch.arange(1, TOKENS + 1, device=hf.device(model))[None]
    with torch.inference_mode(), torch.autocast(ids.device.type, enabled=False):
        inside = model(input_ids=ids)[0]
        around = source(input_ids=ids)[0]
    if inside.shape != around.shape or not torch.allclose(inside, around, rtol=1e-3, atol=1e-5):
        kinds = ", ".join(str(getattr(c, "peft_type", c)) for c in source.peft_config.values())
        raise ValueError(
            f"model: {type(source).__name__} has adapters outside the layers of "
            f"{type(model).__name__} ({kinds}), which the engine does not run; "
            "get_base_model() is the model without them"
        )


def adapter_base(folder: str) -> str | None:
    """Returns the base model that a folder of an adapter names, None for any other folder.

    Raises:
        ValueError: the adapter names no base model.
    """
    file = Path(folder) / "adapter_config.json"
    if not file.is_file() or file.with_name("config.json").is_file():
        return None
    base = json.loads(file.read_text(encoding="utf-8")).get("base_model_name_or_path")
    if not base:
        raise ValueError("adapter_config.json names no base model (base_model_name_or_path)")
    return str(base)
