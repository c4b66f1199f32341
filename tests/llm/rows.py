"""What a sampler reads of a request, and logits to sample from."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from multibin.llm import SamplingParams

CPU = torch.device("cpu")


@dataclass
class Row:
    """What a sampler reads of a request."""

    params: SamplingParams
    seed: int = 0
    tokens: list[int] = field(default_factory=list)
    prompt_tokens: list[int] = field(default_factory=list)
    stop_ids: frozenset[int] = frozenset()
    bad_word_ids: list[list[int]] = field(default_factory=list)
    error: BaseException | None = None


def logits(rows: int, vocabulary: int = 50, seed: int = 0) -> torch.Tensor:
    """Returns random logits in float64, [rows, vocab]."""
    generator = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(rows, vocabulary, generator=generator, dtype=torch.float64)
