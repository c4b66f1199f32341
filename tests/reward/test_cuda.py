"""On a GPU, scores in float64 are those of each candidate alone, in every format."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from tests.reward.families import NAMES, family
from tests.reward.test_scores import CANDIDATES, QUESTIONS, pairs

from multibin import RewardModel

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.mark.parametrize("options", [{}, {"max_tokens": 33}, {"cache_memory": 2**26}], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_scores(name: str, options: Any) -> None:
    one = family(name)
    model = copy.deepcopy(one.model).to("cuda")
    found = RewardModel(model, one.tokenizer, format=one.format, **options)
    scores = [s for several in found.score(QUESTIONS, CANDIDATES) for s in several]
    for part, (question, candidate) in zip(scores, pairs(), strict=True):
        one.close(part, question, candidate)


def test_half_precision_stays_close() -> None:
    one = family("versaprm")
    model = copy.deepcopy(one.model).to("cuda", torch.bfloat16)
    found = RewardModel(model, one.tokenizer, format=one.format).score(QUESTIONS, CANDIDATES)
    scores = [s for several in found for s in several]
    for part, (question, candidate) in zip(scores, pairs(), strict=True):
        assert part.dtype == "float32"
        assert abs(part - one.alone(question, candidate)).max() < 0.05
