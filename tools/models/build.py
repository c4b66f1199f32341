"""Builds a tiny float64 model of a config, with weights under which greedy text varies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    PretrainedConfig,
)

LARGEST = 20_000_000
"""Parameters beyond which a model is not tiny."""

DRAWS = (
    (0, 0.3, 0.02),
    (1, 0.5, 0.02),
    (2, 1.0, 0.02),
    (3, 2.0, 0.02),
    (4, 0.1, 0.02),
    (5, 0.1, 1.0),
    (6, 0.05, 1.0),
    (7, 0.1, 3.0),
)
"""Seed, standard deviation of matrices, and of the noise on vectors, in the order of trials."""


def build(config: PretrainedConfig) -> Any:
    """Returns the causal language model of `config`, in evaluation mode, with the first weights.

    Raises:
        ValueError: the model would have more than `LARGEST` parameters.
    """
    with torch.device("meta"):
        count = sum(weights.numel() for weights in _new(config).parameters())
    if count > LARGEST:
        raise ValueError(f"still {count:,} parameters after shrinking")
    with _poisoned():
        model = _new(config)
    model = model.double().eval()
    if hasattr(model, "set_experts_implementation"):
        # The grouped products lack float64.
        model.set_experts_implementation("eager")
    model.generation_config.eos_token_id = None
    draw(model, *DRAWS[0])
    return model


def _new(config: PretrainedConfig) -> Any:
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        return AutoModelForImageTextToText.from_config(config)
    model_class = MODEL_FOR_CAUSAL_LM_MAPPING[type(config)]
    inner = [
        v for v in vars(config).values() if type(v) is getattr(model_class, "config_class", None)
    ]
    # The causal class of a composed family may be only its decoder.
    return model_class(inner[0]) if inner else AutoModelForCausalLM.from_config(config)


@contextmanager
def doubles() -> Iterator[None]:
    """Makes float64 the default dtype, as some families make constants of the default's range."""
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def _poisoned() -> Iterator[None]:
    """Fills uninitialised memory with NaN, so that `draw` sees it."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


@torch.no_grad()
def draw(model: Any, seed: int, deviation: float, shift: float) -> None:
    """Draws all matrices, and adds noise to the family's initial vectors."""
    generator = torch.Generator().manual_seed(seed)
    for weights in model.parameters():
        noise = torch.randn(weights.shape, generator=generator, dtype=torch.float64)
        if weights.dim() > 1:
            weights.copy_(deviation * noise)
        elif not hasattr(weights, "initial"):
            weights.initial = weights.nan_to_num()
        if weights.dim() <= 1:
            weights.copy_(weights.initial + shift * noise)
