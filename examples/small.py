"""Makes small random models, for examples that are given none, and texts of unlike length."""

from __future__ import annotations

import random
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

SPECIAL = ["<pad>", "</s>", "<unk>"]
TEXT = """
    after again air all and animal answer around ask back before begin book both boy build call
    carry change children city close come country cut day door each earth end eye far father few
    find fire follow food form four girl give good great ground grow half hand hard head help
    high hold home horse house idea keep kind king know land large last late leave letter life
    light line list live long look make many mean
"""
WORDS = TEXT.split()
VOCABULARY = len(SPECIAL) + len(WORDS)
# One token would seldom end a random text.
ENDS = [1, *range(3, 11)]


def texts(
    count: int,
    *,
    median: int = 40,
    sigma: float = 1.0,
    low: int = 8,
    high: int = 256,
    seed: int = 0,
) -> list[str]:
    """Returns texts whose lengths in words are log-normal and from `low` to `high`."""
    rng = random.Random(seed)
    lengths = [round(median * rng.lognormvariate(0, sigma)) for _ in range(count)]
    return [" ".join(rng.choices(WORDS, k=min(max(n, low), high))) for n in lengths]


def tokenizer() -> Any:
    """Returns a tokenizer of transformers with a token for each word of `texts`."""
    ids = {word: i for i, word in enumerate(SPECIAL + WORDS)}
    words = Tokenizer(models.WordLevel(ids, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B:1 </s>:1", special_tokens=[("</s>", 1)]
    )
    names = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=words, **names)


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
