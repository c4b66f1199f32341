"""Models by name: real shapes with random weights, or small ones of the same architecture."""

from __future__ import annotations

from typing import Any

import torch
from benches.engine.shapes import BUILT_IN, shape
from transformers import AutoConfig, AutoModelForCausalLM

from multibin.llm._load.tiny import tiny_model

__all__ = ["build"]


def build(
    name: str,
    *,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
    small: bool = False,
) -> Any:
    """Returns a model in evaluation mode that has no end-of-sequence token.

    Its weights depend on the seed and the kind of device. They are made on the device.
    """
    if name == BUILT_IN:
        model: Any = tiny_model(seed=seed).to(device, dtype)
        # `generate` takes it from here where a call says None.
        model.generation_config.eos_token_id = None
        return model
    special = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"))
    config = AutoConfig.for_model(**shape(name, small=small), **special)
    devices = [torch.device(device)] if device.startswith("cuda") else []
    with torch.random.fork_rng(devices=devices), torch.device(device):
        torch.manual_seed(seed)
        return AutoModelForCausalLM.from_config(config, dtype=dtype).eval()
