"""Tiny models with random weights: decoders and encoders, with heads of every kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import (
    BertConfig,
    DebertaV2Config,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    PreTrainedModel,
    Qwen2Config,
    RobertaConfig,
)

HIDDEN, VOCABULARY = 16, 40


def config(config_class: Any, **options: Any) -> Any:
    """A config of two layers."""
    sizes: dict[str, Any] = {
        "vocab_size": VOCABULARY,
        "hidden_size": HIDDEN,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 64,
        "pad_token_id": 0,
    }
    if config_class is GPT2Config:
        sizes = {"vocab_size": VOCABULARY, "n_embd": HIDDEN, "n_layer": 2, "n_head": 2}
        sizes |= {"n_positions": 64, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 1}
    if config_class in (LlamaConfig, MistralConfig, Qwen2Config):
        sizes |= {"num_key_value_heads": 1, "use_sliding_window": False}
    return config_class(**sizes | options)


DECODERS = [LlamaConfig, Qwen2Config, MistralConfig, GPT2Config]
ENCODERS = [BertConfig, RobertaConfig, DebertaV2Config]


def build(auto: Any, config_class: Any, **options: Any) -> Any:
    """A model of an Auto class, in evaluation mode."""
    torch.manual_seed(0)
    return auto.from_config(config(config_class, **options)).eval()


class ProcessModel(nn.Module):
    """A backbone with a head of two layers, as in Qwen2.5-Math-PRM."""

    def __init__(self, backbone: PreTrainedModel, labels: int = 2) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.model = backbone
        first, last = nn.Linear(HIDDEN, HIDDEN), nn.Linear(HIDDEN, labels)
        self.score = nn.Sequential(first, nn.ReLU(), last)

    def save(self, folder: Path) -> Path:
        """Writes config and weights as the released models have them."""
        self.model.config.architectures = ["Qwen2ForProcessRewardModel"]
        return write(folder, self.model.config, self.state_dict())


class ValueHead(nn.Module):
    """A projection behind a dropout, as TRL's."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.dropout = nn.Dropout(0.5)
        self.summary = nn.Linear(HIDDEN, 1)


class ValueModel(nn.Module):
    """A language model with a value head beside its own."""

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.pretrained_model = model
        self.v_head = ValueHead()

    def save(self, folder: Path) -> Path:
        """Writes config and weights as TRL does: the language model's without a prefix."""
        state = self.pretrained_model.state_dict()
        state |= {f"v_head.{name}": weight for name, weight in self.v_head.state_dict().items()}
        return write(folder, self.pretrained_model.config, state)


def write(folder: Path, config: Any, state: dict[str, torch.Tensor]) -> Path:
    from safetensors.torch import save_file

    config.save_pretrained(folder)
    whole = {name: weight.clone().contiguous() for name, weight in state.items()}
    save_file(whole, folder / "model.safetensors", metadata={"format": "pt"})
    return folder
