"""Loads a reward model from a folder or a hub id: the classifier, or a backbone and its head."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedModel,
)

from multibin.llm._load import hf
from multibin.llm._load.adapters import adapter_base
from multibin.llm._load.failures import check_location, loading, quantized_by
from multibin.llm._load.models import Model, check_weights
from multibin.llm._load.placement import default_device, moved
from multibin.reward._formats._format import Format
from multibin.reward._load._heads import NAMES, built_head, no_head
from multibin.reward._load._parts import join, take_apart
from multibin.reward._load._tensors import read_tensors, tensor_files

CLASSES: Mapping[str, Any] = {
    "tokens": AutoModelForTokenClassification,
    "sequence": AutoModelForSequenceClassification,
}

SHOWN = 3
"""Tensors that an error names."""


def load_checkpoint(
    source: str | os.PathLike[str],
    format: Format,
    device: torch.device | None,
    dtype: torch.dtype | None,
    trust_remote_code: bool,
) -> tuple[Model, nn.Module | None]:
    """Returns the model and the head of a checkpoint; an encoder whole, without a head.

    Code in a checkpoint's folder runs with `trust_remote_code` only. Qwen2.5-Math-PRM loads without
    it: the backbone is one of transformers, and the head is read from the weights.

    Raises:
        ValueError: no such folder, files that are corrupt or lack weights, no head, or one that
            does not fit `format`.
    """
    name = check_location("model", source)
    with loading("model", name):
        _refuse_adapter(name)
        config = AutoConfig.from_pretrained(name, trust_remote_code=trust_remote_code)
        files = tensor_files(name)
    prefix, weights = _head_tensors(name, format, files)
    options = {"config": config, "dtype": dtype or "auto", "trust_remote_code": trust_remote_code}
    place = device or default_device()
    auto = AutoModel if _is_native(format, weights) else CLASSES[format.head]
    module = moved(_from_pretrained(auto, name, config, options), place).eval()
    # Code of the checkpoint's own may have put the head on its AutoModel.
    if auto is not AutoModel or any(hasattr(module, head) for head in NAMES[format.head]):
        return take_apart(module, format, None, None)
    with loading("model", name):
        read = read_tensors(files, weights)
        head = built_head({tensor.removeprefix(prefix): read[tensor] for tensor in weights})
    return join(module, head, format)


def _refuse_adapter(name: str) -> None:
    if adapter_base(name) is not None:
        raise ValueError("it is an adapter: merge it into its model, and save that (peft)")


def _head_tensors(name: str, format: Format, files: Mapping[str, Path]) -> tuple[str, list[str]]:
    """Returns the beginning that the names of a head's weights share, and these names."""
    for head in NAMES[format.head]:
        for prefix in (f"{head}.summary.", f"{head}."):
            if found := [tensor for tensor in files if tensor.startswith(prefix)]:
                return prefix, found
    shown = [*list(files)[:SHOWN], *(["…"] if len(files) > SHOWN else [])]
    raise no_head(f"model={name!r}", format, ", ".join(shown))


def _is_native(format: Format, weights: list[str]) -> bool:
    """Returns whether no class of transformers has the head: a value head, or several layers."""
    return format.head == "value" or any(tensor.split(".")[1].isdecimal() for tensor in weights)


def _from_pretrained(auto: Any, name: str, config: Any, options: dict[str, Any]) -> PreTrainedModel:
    with loading("model", name), quantized_by(hf.quantization(config)):
        module, report = auto.from_pretrained(
            name,
            output_loading_info=True,
            # They are refused below, by name.
            ignore_mismatched_sizes=True,
            **options,
        )
        check_weights(report)
    return module
