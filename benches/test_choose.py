"""The time of an accuracy curve: 2,000 questions of 128 candidates, 10 draws, one thread."""

from __future__ import annotations

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from multibin.reward import choose

QUESTIONS, CANDIDATES, ANSWERS = 2_000, 128, 8


@pytest.fixture(scope="module")
def problems() -> list[choose.Problem]:
    """Returns questions whose candidates give answers and scores at random."""
    rng = np.random.default_rng(0)
    answers = rng.integers(0, ANSWERS, (QUESTIONS, CANDIDATES)).astype(str)
    scores = rng.random((QUESTIONS, CANDIDATES))
    return [
        choose.Problem(*each)
        for each in zip(answers.tolist(), answers[:, 0].tolist(), scores, strict=True)
    ]


@pytest.mark.benchmark(group="an accuracy curve")
@pytest.mark.parametrize("how", ["majority_vote", "weighted_majority_vote"])
def test_accuracy_curve(
    benchmark: BenchmarkFixture, problems: list[choose.Problem], how: str
) -> None:
    benchmark.pedantic(lambda: choose.accuracy_curve(problems, how=how), rounds=3)
    benchmark.extra_info["fits"] = 1
