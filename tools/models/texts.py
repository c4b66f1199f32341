"""Greedy texts: the prompts, and three ways in which transformers continues them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import torch

Texts: TypeAlias = list[list[int]]

VOCABULARY = 97
"""Size of a tiny model's vocabulary."""

RESERVED = 5
"""The number of first ids, to which some families give a meaning; no prompt has them."""

END = 64
"""Where a text ends if the context is unbounded."""

LENGTHS = (1, 2, 3, 5, 8, 8, 13, 17, 24, 33)
BUDGETS = (9, 20, 1, 14, 6, 25, 11, 30, 4, 8, 3, 7)
TWINS = (4, 5)
"""Two prompts that differ only in their first half; their texts must differ too."""

FEW = 16
"""New tokens of a short text."""


def make_prompts(context: int, vocabulary: int = VOCABULARY) -> Texts:
    """Returns twelve prompts of 1 to `context` tokens; one fills it, the last is 4 shorter."""
    generator = torch.Generator().manual_seed(7)
    end = min(context, END)
    lengths = [1 + (length - 1) % end for length in LENGTHS] + [end, max(end - 4, 1)]
    texts: Texts = [
        torch.randint(RESERVED, vocabulary, (length,), generator=generator).tolist()
        for length in lengths
    ]
    first, second = TWINS
    half = len(texts[first]) // 2
    texts[second][half:] = texts[first][half:]
    return texts


def budgets(prompts: Texts, context: int) -> list[int]:
    """Returns the new tokens of each prompt: `BUDGETS`, cut to what the context leaves.

    The last token of a text is never fed, so a prompt that fills the context gets one.
    """
    return [
        min(budget, context + 1 - len(prompt))
        for prompt, budget in zip(prompts, BUDGETS, strict=True)
    ]


def alone(model: Any, prompt: Sequence[int], count: int) -> list[int]:
    """Returns the text of `model.generate` for one prompt."""
    ids = torch.tensor([prompt])
    output = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=count,
        do_sample=False,
        eos_token_id=None,
        pad_token_id=0,
    )
    tokens: list[int] = output[0, len(prompt) :].tolist()
    return tokens


@torch.no_grad()
def uncached(model: Any, prompt: Sequence[int], count: int) -> list[int]:
    """Feeds the whole text for each token and takes the likeliest, without cache and `generate`."""
    text = list(prompt)
    for _ in range(count):
        logits = model(input_ids=torch.tensor([text]), use_cache=False)[0]
        text.append(int(logits[0, -1].argmax()))
    return text[len(prompt) :]


def padded(model: Any, prompts: Texts, count: int) -> Texts:
    """Returns the texts of `model.generate` for a batch of prompts, padded on the left."""
    width = max(len(prompt) for prompt in prompts)
    ids = torch.tensor([[0] * (width - len(prompt)) + list(prompt) for prompt in prompts])
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    output = model.generate(
        ids,
        attention_mask=mask,
        max_new_tokens=count,
        do_sample=False,
        eos_token_id=None,
        pad_token_id=0,
    )
    texts: Texts = output[:, width:].tolist()
    return texts


def variety(texts: Texts) -> float:
    """Returns the share of long texts with 4 different tokens; 0 if the twins' texts are equal."""
    first, second = TWINS
    length = min(len(texts[first]), len(texts[second]))
    if texts[first][:length] == texts[second][:length]:
        return 0.0
    long = [text for text in texts if len(text) >= 6]
    return sum(len(set(text)) >= 4 for text in long) / len(long)


def varied(texts: Texts) -> bool:
    """Returns whether an error of positions or masks would show in these texts."""
    return variety(texts) >= 0.5
