"""The order of examples and the learning rate."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reward.train.test_rows import settings

from multibin.reward.train._rows import Row
from multibin.reward.train._schedule import drawn, passes, rate

SMALL = st.integers(1, 9)


@given(st.integers(1, 60), SMALL, SMALL, st.integers(0, 5))
def test_each_epoch_draws_each_row_once(rows: int, batch: int, accumulate: int, seed: int) -> None:
    chosen = settings(batch_size=batch, accumulate=accumulate, seed=seed, epochs=2)
    total = chosen.total(rows)
    seen = [drawn(chosen, step, rows).tolist() for step in range(total)]
    for epoch in (seen[: total // 2], seen[total // 2 :]):
        assert sorted(row for step in epoch for row in step) == [*range(rows)]
    assert all(len(step) <= batch * accumulate for step in seen)


def test_epochs_and_seeds_differ() -> None:
    chosen = settings(batch_size=50, accumulate=1, epochs=2)
    first, second = (drawn(chosen, step, 50).tolist() for step in (0, 1))
    other = drawn(settings(batch_size=50, accumulate=1, seed=1), 0, 50).tolist()
    assert first != second
    assert first != other


@given(st.lists(st.integers(1, 30), min_size=1, max_size=30), SMALL)
def test_passes_hold_each_row_once_by_length(lengths: list[int], batch: int) -> None:
    rows = [
        Row(np.full(length, at, dtype=np.int32), np.array([0]), np.array([1]))
        for at, length in enumerate(lengths)
    ]
    found = [*passes(rows, batch)]
    flat = [row for each in found for row in each]
    assert sorted(row.ids[0] for row in flat) == [*range(len(rows))]
    widths = [len(row.ids) for row in flat]
    assert widths == sorted(widths, reverse=True)
    assert all(len(each) <= batch for each in found)


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_the_rate_rises_to_its_peak_then_falls(schedule: str) -> None:
    chosen = settings(lr=2.0, warmup=0.25, schedule=schedule)
    rates = [rate(chosen, step, 40) for step in range(40)]
    assert rates[:11] == pytest.approx([0.2 * step for step in range(1, 11)] + [2.0])
    assert max(rates) == 2.0
    assert all(after <= before for before, after in pairwise(rates[10:]))
    ends = {"cosine": 2 * (1 + np.cos(np.pi * 29 / 30)) / 2, "linear": 2 / 30, "constant": 2.0}
    assert rates[-1] == pytest.approx(ends[schedule])


def test_the_middle_of_a_cosine_is_half_its_peak() -> None:
    assert rate(settings(lr=1.0, warmup=0, schedule="cosine"), 50, 100) == pytest.approx(0.5)


@pytest.mark.parametrize(("lora", "expected"), [(False, 1e-5), (True, 1e-4)])
def test_the_default_rate_depends_on_adapters(lora: bool, expected: float) -> None:
    from multibin.reward.train import LoRA

    assert settings(lora=LoRA() if lora else None).peak == expected
