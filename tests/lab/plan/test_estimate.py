"""Figures with intervals: their digits, and how often they hold."""

from __future__ import annotations

import numpy as np
import pytest

from multibin.lab.plan import Estimate, estimate, ratio
from multibin.lab.plan._estimate import _student


@pytest.mark.parametrize(
    ("figure", "text"),
    [
        (Estimate(0.0), "0"),
        (Estimate(32.0, 32.0, 32.0), "32"),
        (Estimate(123.456, 120.0, 127.0), "123 ±3%"),
        (Estimate(123456.0, 110000.0, 138000.0), "123,000 ±12%"),
        (Estimate(0.012345, 0.0121, 0.0126), "0.0123 ±3%"),
        (Estimate(10.0, 9.9, 10.1), "10.00 ±1%"),
        (Estimate(20.0, 4.0, 100.0), "20 [4, 100]"),
        (Estimate(float("nan")), "-"),
        (Estimate(float("inf"), None, None), "-"),
    ],
)
def test_digits_follow_the_interval(figure: Estimate, text: str) -> None:
    assert str(figure) == text


@pytest.mark.parametrize("freedom", [3, 7, 11, 30])
def test_students_quantile(freedom: int) -> None:
    draws = np.random.default_rng(0).standard_t(freedom, 2_000_000)
    assert _student(freedom) == pytest.approx(np.quantile(draws, 0.95), rel=0.01)


def test_an_interval_holds_in_nine_of_ten_other_stretches() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(2000):
        # The figure of a stretch, of others made from it, and of one that comes later.
        mine, later = np.exp(rng.normal(0, 0.1, 2))
        spread = 0.1 * np.sqrt(rng.chisquare(7) / 7)
        others = mine * np.exp(spread * np.array([-1, 1] * 6))
        found = estimate(mine, others.tolist())
        assert found.low is not None
        assert found.high is not None
        held += bool(found.low <= later <= found.high)
    assert 0.87 < held / 2000 < 0.93


def test_too_few_or_impossible_replicates_give_no_interval() -> None:
    assert estimate(5.0, [4.0, 5.0, 6.0]).half_width is None
    assert estimate(5.0, [float("nan"), float("inf"), 0.0, -1.0, 5.0]).half_width is None
    assert estimate(0.0, [1.0] * 9).half_width is None
    assert estimate(float("nan"), [1.0] * 9).half_width is None


def test_a_ratio_is_known_better_than_its_parts() -> None:
    rng = np.random.default_rng(1)
    loads = np.exp(rng.normal(0, 0.5, 12))
    pairs = [
        (2 * load * noise, load)
        for load, noise in zip(loads, rng.uniform(0.98, 1.02, 12), strict=True)
    ]
    part = estimate(2.0, [one for one, _ in pairs]).half_width
    whole = ratio(2.0, 1.0, pairs).half_width
    assert part is not None
    assert whole is not None
    assert whole < 0.1 < part


def test_scaling_keeps_the_relative_width() -> None:
    found = Estimate(10.0, 8.0, 12.0).scaled(0.5)
    assert (found.value, found.low, found.high) == (5.0, 4.0, 6.0)
    assert Estimate(10.0).scaled(2.0) == Estimate(20.0)
    assert found.data == {"value": 5.0, "interval": [4.0, 6.0]}
