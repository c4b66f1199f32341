"""Small seeded models in float64, examples, and formats for each place of a value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import (
    BertConfig,
    BertForTokenClassification,
    Gemma2Config,
    Gemma2ForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForTokenClassification,
)

from multibin.llm._load.tiny import ByteTokenizer
from multibin.reward._formats import Format, Mark
from multibin.reward.train import Example

torch.set_num_threads(1)

TOKENIZER = ByteTokenizer()

SIZES: dict[str, Any] = {
    "vocab_size": ByteTokenizer.vocab_size,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
}


def seeded(make: Any, config: Any, seed: int = 0) -> Any:
    """Returns a float64 model with random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make(config).double().eval()


def llama(dropout: float = 0.0, seed: int = 0) -> Any:
    """Returns a Llama in float64."""
    config = LlamaConfig(**SIZES, num_key_value_heads=2, attention_dropout=dropout)
    return seeded(LlamaForCausalLM, config, seed)


def gpt2() -> Any:
    """Returns a GPT-2 in float64, whose head is tied to its embeddings."""
    config = GPT2Config(
        vocab_size=SIZES["vocab_size"],
        n_positions=128,
        n_embd=32,
        n_layer=2,
        n_head=4,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=None,
        eos_token_id=None,
    )
    return seeded(GPT2LMHeadModel, config)


def gemma() -> Any:
    """Returns a Gemma 2 in float64, which caps its logits behind the head."""
    config = Gemma2Config(
        **SIZES, num_key_value_heads=2, head_dim=8, sliding_window=64, final_logit_softcapping=0.1
    )
    return seeded(Gemma2ForCausalLM, config)


def token_classifier() -> Any:
    """Returns a Llama with two labels for each token, in float64."""
    config = LlamaConfig(**SIZES, num_key_value_heads=2, num_labels=2, classifier_dropout=0.0)
    return seeded(LlamaForTokenClassification, config)


def bert() -> Any:
    """Returns a BERT with two labels for each token, in float64; it reads both ways."""
    config = BertConfig(
        **SIZES, num_labels=2, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
    )
    return seeded(BertForTokenClassification, config)


def _build(_: Any, question: Any, steps: Sequence[Any]) -> list[Any]:
    return [question, *(piece for step in steps for piece in (step, Mark("\n")))]


TOKENS = Format("tokens", _build, head="tokens")
BOTH_WAYS = Format("both ways", _build, head="tokens", is_causal=False)
BEFORE = Format("before", _build, read="before")

EXAMPLES = [
    Example("1+1?", ["one", "two", "so 2"], [True, True, True]),
    Example("2+2? Think.", ["two and two", "make five", "so 5"], [True, False, False]),
    Example("3?", ["3"], [True]),
    Example("What is 4?", ["four", "is", "not known", "here"], [True, None, False, True]),
    Example("5", ["no"], [False]),
    Example("6 is six", ["a long step about six", "end"], [None, True]),
    Example("7 or 8?", ["seven", "eight"], [True, False]),
    Example("9", ["nine", "ten"], [True, True]),
]
