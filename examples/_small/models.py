"""Small models of transformers with random weights."""

from __future__ import annotations

from typing import Any

import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    LlamaConfig,
    LlamaForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)

from examples._small.words import VOCABULARY

# One token would seldom end a random text.
ENDS = [1, *range(3, 11)]


def causal_model() -> Any:
    """Returns a Llama in float64 whose greedy texts end after unlike numbers of tokens."""
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=512,
        bos_token_id=None,
        pad_token_id=0,
        eos_token_id=ENDS,
        tie_word_embeddings=False,
    )
    return _random(LlamaForCausalLM, config, scale=8)


def encoder_decoder() -> Any:
    """Returns a T5 in float64 whose greedy texts end after unlike numbers of tokens."""
    config = T5Config(
        vocab_size=VOCABULARY,
        d_model=32,
        d_kv=8,
        d_ff=48,
        num_layers=3,
        num_heads=4,
        decoder_start_token_id=0,
        pad_token_id=0,
        eos_token_id=ENDS,
        tie_word_embeddings=False,
    )
    return _random(T5ForConditionalGeneration, config, scale=8)


def classifier() -> Any:
    """Returns a Bert with one score a sequence."""
    config = BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_labels=1,
    )
    return _random(BertForSequenceClassification, config, scale=3).float()


def _random(kind: Any, config: Any, scale: float, seed: int = 0) -> Any:
    """Returns a seeded model, with weights so large that its outputs differ from text to text."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = kind(config).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(scale)
    return model
