"""Questions with candidates, and the random model that scores them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import torch
from benches.engine.models import build as engine_model
from transformers import LlamaConfig, LlamaForCausalLM

from multibin.lab.paper._lab import TOKENS

__all__ = ["LABELS", "OWN", "Row", "Workload", "build", "draw"]

OWN = "llama-256x6"
"""A Llama of 6.8 million parameters."""
SIZES: dict[str, Any] = {
    "vocab_size": 8192,
    "hidden_size": 256,
    "intermediate_size": 688,
    "num_hidden_layers": 6,
    "num_attention_heads": 4,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": True,
}
QUESTION = (60, 240)
"""Tokens of a question, uniform."""
STEP = 35
"""Tokens of a step."""
LABELS = (10, 12)
"""The ids whose logits are read."""


class Row(NamedTuple):
    """A candidate behind its question, and the ends of its steps."""

    ids: list[int]
    ends: list[int]


@dataclass(frozen=True)
class Workload:
    """Questions and the steps of their candidates, as token ids."""

    questions: list[list[int]]
    candidates: list[list[list[list[int]]]]

    @cached_property
    def rows(self) -> list[Row]:
        """Returns all candidates, those of a question one behind another."""
        pairs = zip(self.questions, self.candidates, strict=True)
        return [_row(question, steps) for question, group in pairs for steps in group]

    @property
    def tokens(self) -> int:
        """Returns the tokens of all candidates with their questions."""
        return sum(len(row.ids) for row in self.rows)


def build(name: str, device: str, dtype: torch.dtype, *, small: bool = False) -> Any:
    """Returns a random model in evaluation mode: that of the targets, or one of the engine's."""
    if name != OWN:
        return engine_model(name, device=device, dtype=dtype, seed=0, small=small)
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(**SIZES)).to(device, dtype).eval()


def draw(questions: int, candidates: int, seed: int, vocabulary: int) -> Workload:
    """Returns questions of uniform lengths and candidates as long as answers to GSM8K."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(QUESTION[0], QUESTION[1] + 1, size=questions)
    return Workload(
        [rng.integers(vocabulary, size=length).tolist() for length in lengths],
        [[_steps(rng, vocabulary) for _ in range(candidates)] for _ in range(questions)],
    )


def _steps(rng: np.random.Generator, vocabulary: int) -> list[list[int]]:
    length = round(float(np.interp(rng.random(), np.linspace(0, 1, len(TOKENS)), TOKENS)))
    parts = np.array_split(rng.integers(vocabulary, size=length), max(1, length // STEP))
    return [part.tolist() for part in parts]


def _row(question: list[int], steps: list[list[int]]) -> Row:
    ends = np.cumsum([len(question), *map(len, steps)])[1:] - 1
    return Row([*question, *chain.from_iterable(steps)], ends.tolist())
