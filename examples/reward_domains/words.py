"""A tokenizer whose tokens are words, and a small Llama for it."""

from __future__ import annotations

from typing import Any

import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from examples.reward_domains.domains import WORDS

UNKNOWN = "<unk>"
MARKS = [" \n\n", " \n\n\n\n", "-", "+", ";", "right"]
"""Of the formats: those of "versaprm" are one token each, as in the vocabularies it is for."""

VOCABULARY = [UNKNOWN, *MARKS, *WORDS]


def word_tokenizer() -> Any:
    """Returns a tokenizer of transformers with a token for each word of the domains."""
    ids = {word: place for place, word in enumerate(VOCABULARY)}
    words = Tokenizer(models.WordLevel(ids, unk_token=UNKNOWN))
    pattern = Regex(r" \n\n\n\n| \n\n|\S+")
    words.pre_tokenizer = pre_tokenizers.Split(pattern, behavior="removed", invert=True)
    return PreTrainedTokenizerFast(tokenizer_object=words, unk_token=UNKNOWN)


def small_llama(seed: int, hidden: int = 128, layers: int = 3) -> LlamaForCausalLM:
    """Returns a Llama with random weights for `word_tokenizer`, about 0.5 M parameters."""
    config = LlamaConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=4,
        max_position_embeddings=128,
        tie_word_embeddings=True,
        initializer_range=0.05,
        bos_token_id=None,
        eos_token_id=None,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaForCausalLM(config).eval()
