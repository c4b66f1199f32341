"""Greedy text of an engine, in the form of the reference: one list of tokens a prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from multibin.llm import LLM, RequestOutput, SamplingParams

Reference: TypeAlias = Callable[..., list[list[int]]]
"""The fixture `reference`: model, prompts, budgets and an end-of-sequence id to tokens."""


def greedy(budgets: Sequence[int], **options: Any) -> list[SamplingParams]:
    """Returns greedy parameters for each budget."""
    return [SamplingParams(max_tokens=budget, temperature=0, **options) for budget in budgets]


def tokens(outputs: Sequence[RequestOutput]) -> list[list[int]]:
    """Returns the generated tokens of each output."""
    return [output.outputs[0].token_ids for output in outputs]


def continued(
    llm: LLM,
    prompts: Sequence[list[int]],
    budgets: Sequence[int],
    *,
    lengths: Sequence[int] | None = None,
    **options: Any,
) -> list[list[int]]:
    """Returns the greedy tokens of each prompt."""
    params = greedy(budgets, **options)
    return tokens(llm.generate(prompts, params, lengths=lengths, use_tqdm=False))
