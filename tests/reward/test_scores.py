"""Scores are those of each candidate alone, whatever shares its pass."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reward.families import NAMES, family

EXACT = 1e-9

QUESTIONS = ["What is 1 + 1 ?", "What is the answer ? " * 6 + "So", "1 + 1"]
STEP = ["It is 2 .", "So the answer is 2 .", "Step", "1 + 1 is 2 . So 2 + 1 is 2 . " * 3 + "So"]
CANDIDATES = [
    [[STEP[0]], [STEP[3], STEP[0]], [STEP[3], STEP[1], STEP[2]], [STEP[3], STEP[1], STEP[0]]],
    [[STEP[1], STEP[3], STEP[3], STEP[0]], [STEP[2]]],
    [[STEP[0]], [STEP[0]], [STEP[0], STEP[1]]],
]
"""They share steps, begin with one another, or are equal."""

WAYS = {
    "outcome of an encoder": "padded",
    "recurrent": "padded",
}


def close(found: Any, alone: Any) -> None:
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, alone, rtol=0, atol=EXACT)


@pytest.fixture(params=NAMES)
def one(request: pytest.FixtureRequest) -> Any:
    return family(request.param)


def pairs() -> list[tuple[str, list[str]]]:
    return [(q, c) for q, several in zip(QUESTIONS, CANDIDATES, strict=True) for c in several]


def test_all_together(one: Any) -> None:
    found = one.reward_model().score(QUESTIONS, CANDIDATES)
    flat = [scores for several in found for scores in several]
    assert len(flat) == len(pairs())
    for scores, (question, candidate) in zip(flat, pairs(), strict=True):
        close(scores, one.alone(question, candidate))


@pytest.mark.parametrize("name", NAMES)
def test_the_way_each_family_runs(name: str) -> None:
    assert family(name).reward_model().stats()["way"] == WAYS.get(name, "packed")


@pytest.mark.parametrize(
    "options", [{"share": False}, {"max_tokens": 7}, {"max_tokens": 33}], ids=str
)
def test_small_passes_and_no_sharing(one: Any, options: Any) -> None:
    model = one.reward_model(**options)
    for scores, (question, candidate) in zip(
        [s for several in model.score(QUESTIONS, CANDIDATES) for s in several], pairs(), strict=True
    ):
        close(scores, one.alone(question, candidate))


def test_incremental(one: Any) -> None:
    model = one.reward_model(cache_memory=2**26)
    question, candidate = QUESTIONS[1], CANDIDATES[1][0]
    for count in range(1, len(candidate) + 1):
        begun = candidate[:count]
        other = [*candidate[: count - 1], "No"]
        found = model.score(question, [begun, other])
        close(found[0], one.alone(question, begun))
        close(found[1], one.alone(question, other))
    whole = one.reward_model(cache_memory=2**26)
    whole.score(question, [candidate])
    if model.stats()["way"] == "packed" and len(found[0]) > 1:
        again = whole.stats()["computed_tokens"]
        whole.score(question, [candidate])
        assert whole.stats()["computed_tokens"] == again


@settings(max_examples=15, deadline=None)
@given(data=st.data(), name=st.sampled_from(NAMES))
def test_any_grouping_and_any_order(data: Any, name: str) -> None:
    one = family(name)
    steps = st.lists(st.sampled_from(STEP), min_size=1, max_size=4)
    drawn = data.draw(
        st.lists(
            st.tuples(st.sampled_from(QUESTIONS), st.lists(steps, min_size=1, max_size=4)),
            min_size=1,
            max_size=4,
        )
    )
    options = {
        "max_tokens": data.draw(st.sampled_from([5, 64, 4096])),
        "cache_memory": data.draw(st.sampled_from([0, 20_000, 2**26])),
    }
    model = one.reward_model(**options)
    for _ in range(2):
        found = model.score([q for q, _ in drawn], [c for _, c in drawn])
        for scores, (question, several) in zip(found, drawn, strict=True):
            for part, candidate in zip(scores, several, strict=True):
                close(part, one.alone(question, candidate))
        random.Random(0).shuffle(drawn)


def test_one_score_a_step(one: Any) -> None:
    steps = 1 if one.format.separator is None else 3
    (scores,) = one.reward_model().score(QUESTIONS[0], [CANDIDATES[0][2]])
    assert scores.shape == (steps,)
