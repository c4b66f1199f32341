"""Greedy texts: the prompts, and three ways in which transformers alone continues them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import torch

Texts: TypeAlias = list[list[int]]

VOCABULARY = 97
"""Ids of a tiny model."""

RESERVED = 5
"""The first ids, which some families give a meaning; no prompt has them."""

END = 64
"""Where a text ends if the context is unbounded."""

LENGTHS = (1, 2, 3, 5, 8, 8, 13, 17, 24, 33)
BUDGETS = (9, 20, 1, 14, 6, 25, 11, 30, 4, 8, 3, 7)
TWINS = (4, 5)
"""Two prompts that differ only in their first half: their texts must differ, too."""

FEW = 16
"""New tokens of a text where less is enough."""


def prompts(context: int, vocabulary: int = VOCABULARY) -> Texts:
    """Twelve prompts of 1 to `context` tokens; one fills it and the last is 4 short of it."""
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


def budgets(given: Texts, context: int) -> list[int]:
    """New tokens of each prompt: as `BUDGETS`, but no more than the context leaves.

    The last token of a text is never fed, so a prompt that fills the context gets one.
    """
    return [
        min(budget, context + 1 - len(prompt))
        for prompt, budget in zip(given, BUDGETS, strict=True)
    ]


def alone(model: Any, prompt: Sequence[int], count: int) -> list[int]:
    """What `model.generate` says to one prompt."""
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
    """Feeds the whole text for each token and takes the likeliest: no cache, no `generate`."""
    text = list(prompt)
    for _ in range(count):
        logits = model(input_ids=torch.tensor([text]), use_cache=False)[0]
        text.append(int(logits[0, -1].argmax()))
    return text[len(prompt) :]


def padded(model: Any, given: Texts, count: int) -> Texts:
    """What `model.generate` says to a batch of prompts, padded on the left."""
    width = max(len(prompt) for prompt in given)
    ids = torch.tensor([[0] * (width - len(prompt)) + list(prompt) for prompt in given])
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in given])
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


def variety(given: Texts) -> float:
    """The share of long texts that wander; 0 where the twins have the same text."""
    first, second = TWINS
    length = min(len(given[first]), len(given[second]))
    if given[first][:length] == given[second][:length]:
        return 0.0
    long = [text for text in given if len(text) >= 6]
    return sum(len(set(text)) >= 4 for text in long) / len(long)


def varied(given: Texts) -> bool:
    """Whether an error of positions or masks would show in these texts."""
    return variety(given) >= 0.5
