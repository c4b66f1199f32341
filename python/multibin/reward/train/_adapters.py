"""Low-rank adapters on a model, through the package peft."""

from __future__ import annotations

import importlib.util
import warnings
from typing import Any

from multibin._args import sentence
from multibin.reward._formats import Format
from multibin.reward.train._settings import LoRA

__all__ = ["attach"]

TOKEN_HEADS = ("score", "classifier")
"""Names of the heads of token classification in transformers; they start random."""


def attach(model: Any, lora: LoRA, format: Format) -> Any:
    """Adds adapters to `model` in place, freezes all other weights, and returns a PEFT model of it.

    A head on each token is trained whole and saved with the adapter.

    Raises:
        ModuleNotFoundError: peft is missing.
        ValueError: the model has adapters, or lacks a target.
    """
    if importlib.util.find_spec("peft") is None:
        raise ModuleNotFoundError("LoRA needs peft: pip install 'peft>=0.19'")
    if getattr(model, "peft_config", None):
        raise ValueError(sentence("lora", "None for a model with adapters", lora))
    from peft import get_peft_model

    with warnings.catch_warnings():
        # peft asks transformers for attributes under names that transformers has renamed.
        warnings.simplefilter("ignore", FutureWarning)
        return get_peft_model(model, _config(model, lora, format))


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
