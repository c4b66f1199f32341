"""One row whose numbers are NaN, beside sound rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.llm.greedy import Reference, continued, tokens
from transformers import BloomConfig, LlamaConfig

from multibin.llm import LLM, SamplingParams

BAD = 96
"""The token whose embedding is NaN."""

CONFIGS: dict[str, Callable[[], Any]] = {
    "additive mask": lambda: LlamaConfig(
        vocab_size=97,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=128,
    ),
    "padding mask": lambda: BloomConfig(
        vocab_size=97, hidden_size=32, n_layer=2, n_head=4, tie_word_embeddings=False
    ),
}

PROMPTS = [[1, 2, 3], [BAD, *range(40)], [7], [9, 8, 7, 6, 5], [11, 12]]
"""The broken row is the longest and comes first in the cache."""


@pytest.fixture(scope="module", params=CONFIGS)
def broken(request: pytest.FixtureRequest, make_model: Callable[..., Any]) -> Any:
    model = make_model(CONFIGS[request.param]())
    with torch.no_grad():
        model.get_input_embeddings().weight[BAD] = torch.nan
    return model


@pytest.mark.parametrize("broken_budget", [1, 2, 9, 30])
@pytest.mark.parametrize(
    "options",
    [
        {"scheduling": "fifo"},
        {"scheduling": "continuous", "refill_every": 2},
        {"edges": [0, 3, 8, 40]},
        {"edges": [0, 5, 40], "overrun": "recompute"},
    ],
)
def test_the_other_rows_are_not_affected(
    broken: Any,
    options: dict[str, Any],
    broken_budget: int,
    reference: Reference,
) -> None:
    """Rows have the slot of the broken one behind it, or beside it when they climb."""
    budgets = [20, broken_budget, 12, 30, 25]
    for batch_size in (3, 5):
        llm = LLM(broken, batch_size=batch_size, **options)
        assert continued(llm, PROMPTS, budgets) == reference(broken, PROMPTS, budgets)


def test_sampled_rows_are_not_affected(broken: Any) -> None:
    params = [SamplingParams(max_tokens=20, temperature=0.8, top_p=0.9, seed=i) for i in range(5)]
    llm = LLM(broken, batch_size=5)
    outputs = llm.generate(PROMPTS, params, use_tqdm=False)
    assert outputs[1].outputs[0].token_ids == [0] * 20
    assert outputs[1].outputs[0].finish_reason == "length"
    sound = [0, 2, 3, 4]
    alone = llm.generate([PROMPTS[i] for i in sound], [params[i] for i in sound], use_tqdm=False)
    assert [tokens(outputs)[i] for i in sound] == tokens(alone)
