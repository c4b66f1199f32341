"""Low-rank adapters on a model, through the package peft."""

from __future__ import annotations

import importlib.util
from typing import Any

from multibin._args import sentence
from multibin.reward._formats import Format
from multibin.reward.train._settings import LoRA

__all__ = ["attach"]

NAME = "default"

TOKEN_HEADS = ("score", "classifier")
"""Names of the heads of token classification in transformers; they start random."""


def attach(model: Any, lora: LoRA, format: Format, again: bool) -> None:
    """Adds adapters to `model` in place, and freezes all other weights.

    A head on each token is trained whole and saved with the adapter.

    Args:
        again: whether adapters of an earlier run in this process may be there.

    Raises:
        ModuleNotFoundError: peft is missing.
        ValueError: the model has adapters, cannot take any, or lacks a target.
    """
    if importlib.util.find_spec("peft") is None:
        raise ModuleNotFoundError("LoRA needs peft: pip install 'peft>=0.19'")
    if NAME in getattr(model, "peft_config", {}):
        if again:
            return
        raise ValueError(sentence("lora", "None for a model with adapters", lora))
    if not hasattr(model, "add_adapter"):
        name = type(model).__name__
        raise ValueError(sentence("model", "a model of transformers for LoRA", name))
    model.add_adapter(_config(model, lora, format), adapter_name=NAME)


def _config(model: Any, lora: LoRA, format: Format) -> Any:
    from peft import LoraConfig

    tokens = format.head == "tokens"
    heads = [name for name in TOKEN_HEADS if tokens and hasattr(model, name)]
    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=lora.targets if isinstance(lora.targets, str) else list(lora.targets),
        exclude_modules=heads or None,
        modules_to_save=heads or None,
        task_type="TOKEN_CLS" if tokens else "CAUSAL_LM",
    )
