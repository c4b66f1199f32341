"""The work behind each observed time, against a count by hand."""

from __future__ import annotations

import numpy as np
from tests.lab.fit_costs.made import KNOWN, made

import multibin as mb
from multibin.costs._non_negative import non_negative
from multibin.lab.fit_costs._observed import Observed, observe
from multibin.lab.fit_costs._work import TERMS, decode_work, first_token_work


def seen(
    first_token: list[float], finish: list[float], prompt: list[int], answer: list[int]
) -> Observed:
    n = len(prompt)
    return Observed(
        rows=np.arange(n),
        arrival=np.zeros(n),
        first_token=np.array(first_token),
        finish=np.array(finish),
        prompt=np.array(prompt, float),
        decoded=np.array(answer) - 1.0,
    )


def test_two_requests_by_hand() -> None:
    # The first makes tokens at 1, 2, 3, 4, 5; the second joins at 3, and makes tokens at 3, 4, 5.
    found = decode_work(seen([1.0, 3.0], [5.0, 5.0], [10, 20], [5, 3]))
    fixed, prompts, steps, rows, cached = found[0]
    assert (fixed, prompts, steps) == (1, 20, 4)
    assert rows == 4 + 3
    # Tokens 1 to 4 of the first read 11 to 14; the second reads its prompt, then 21 and 22.
    assert cached == (11 + 12 + 13 + 14) + (20 + 21 + 22)
    assert found[1].tolist() == [0, 0, 2, 2 + 2, (21 + 22) + (13 + 14)]


def test_requests_of_one_token_count_where_they_end() -> None:
    found = decode_work(seen([1.0, 3.0], [5.0, 3.0], [10, 20], [5, 1]))
    assert found[0].tolist() == [1, 20, 4, 5, 11 + 12 + 13 + 14 + 20]
    assert found[1].tolist() == [0, 0, 0, 0, 0]


def test_first_tokens_of_one_pass_are_one_join() -> None:
    found = decode_work(seen([1.0, 3.0, 3.1], [9.0, 9.0, 9.1], [10, 20, 30], [9, 7, 7]))
    assert found[0, :2].tolist() == [1, 50]


def test_the_work_explains_a_simulation() -> None:
    trace = made(n=300, rate=6.0)
    observed = observe(trace)
    work, taken = decode_work(observed), observed.finish - observed.first_token
    several = observed.decoded > 20
    known = np.array([getattr(KNOWN, name) for name in TERMS])
    # The tokens of a request do not come evenly, so the sums are not exact.
    off = np.abs(work[several] @ known / taken[several] - 1)
    assert np.quantile(off, 0.95) < 0.1
    assert np.median(off) < 0.02
    found = non_negative(work[several], taken[several])
    assert np.allclose(found, known, rtol=0.25)


def test_only_an_idle_engine_starts_at_once() -> None:
    work, known = first_token_work(observe(made(n=60, rate=0.01)), slots=8)
    assert known.all()
    assert work[:, 2].tolist() == [1.0] * 60
    records = made(mb.CostModel(step=1.0, completes="row"), n=60, rate=10.0, slots=4)
    assert not first_token_work(observe(records), slots=4)[1][20:].any()
