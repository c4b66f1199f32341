"""Texts of words, log-normal in length, and their tokenizer."""

from __future__ import annotations

import random
from typing import Any

from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

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
