"""Parts of a model: its embeddings, its head, its device."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel


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


def is_quantized(model: PreTrainedModel) -> bool:
    """Returns whether transformers has loaded `model` quantised; some such models cannot move."""
    return getattr(model, "hf_quantizer", None) is not None


def device(model: PreTrainedModel) -> torch.device:
    """Returns the device on which `model` takes its tokens."""
    first: nn.Module = model.get_input_embeddings()
    where = getattr(getattr(first, "_hf_hook", None), "execution_device", None)
    return model.device if where is None else torch.device(where)
