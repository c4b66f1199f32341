"""Size classes: what fits, the optimum against all choices, and classes that follow traffic."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multibin.llm._engine.size_classes import (
    MOST,
    SizeClasses,
    Traffic,
    aligned,
    allocated,
    geometric,
    of_edges,
    optimal,
    weights_of,
)

CLASSES = SizeClasses((8, 16, 64))


def test_fit_and_next() -> None:
    assert [CLASSES.fit(n) for n in (0, 1, 8, 9, 16, 17, 64)] == [8, 8, 8, 16, 16, 64, 64]
    assert [CLASSES.next(n) for n in (8, 12, 16)] == [16, 16, 64]
    assert CLASSES.longest == 64
    with pytest.raises(ValueError, match="positions must be at most 64, got 65"):
        CLASSES.fit(65)
    with pytest.raises(ValueError, match="capacity must be below 64, got 64"):
        CLASSES.next(64)


@pytest.mark.parametrize(
    ("capacities", "message"),
    [
        ((), "capacities must be 1 to 16 numbers"),
        (range(8, 8 * 18, 8), "capacities must be 1 to 16 numbers"),
        ((0,), "capacities must be at least 1, got 0"),
        ((8, 12), "capacities must be multiples of 8"),
        ((16, 8), "capacities must be increasing"),
        ((8, 8), "capacities must be increasing"),
    ],
)
def test_bad_capacities(capacities: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SizeClasses(capacities)


@given(st.integers(1, 5000), st.integers(0, 5000), st.integers(1, MOST))
def test_geometric_classes_hold_the_longest(shortest: int, more: int, classes: int) -> None:
    found = geometric(shortest, shortest + more, classes)
    assert len(found) <= classes
    assert found.longest == aligned(shortest + more)
    if classes > 1:
        assert found.capacities[0] == aligned(shortest)


def best(weights: list[int], classes: int, longest: int) -> float:
    """Returns the least sum over all choices of capacities."""
    inner = range(8, aligned(longest), 8)
    sets = (set(c) for k in range(classes) for c in combinations(inner, k))
    choices = (SizeClasses([*sorted(one), aligned(longest)]) for one in sets)
    return min(allocated(weights, one) for one in choices)


@given(
    st.lists(st.integers(0, 5) | st.just(0), min_size=1, max_size=70),
    st.integers(1, 4),
    st.integers(0, 30),
)
def test_no_choice_beats_the_optimum(weights: list[int], classes: int, more: int) -> None:
    longest = len(weights) - 1 + more
    found = optimal(weights, classes, longest)
    assert len(found) <= classes
    assert found.longest == aligned(longest)
    assert allocated(weights, found) == best(weights, classes, longest)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=20))
def test_weights_count_each_step_of_each_row(rows: list[tuple[int, int]]) -> None:
    prompts, outputs = [row[0] for row in rows], [row[1] for row in rows]
    weights = weights_of(np.array(prompts, dtype=int), np.array(outputs, dtype=int))
    counts = np.zeros(len(weights))
    for prompt, output in rows:
        counts[prompt : prompt + output] += 1
    assert weights.tolist() == counts.tolist()
    assert weights.sum() == sum(outputs)


def test_edges_and_equal_prompts_give_prompt_plus_edge() -> None:
    assert of_edges([0, 8, 16, 24], [64] * 5, classes=3) == SizeClasses((72, 80, 88))
    assert of_edges([0, 8], [64], longest=500).longest == 504
    assert of_edges([0, 800], [64], longest=500).longest == 504, "rows end with the context"


def test_traffic_counts_what_weights_of_does() -> None:
    traffic = Traffic(40, half_life=1e12)
    rows = [(3, 5), (0, 1), (20, 20), (7, 0)]
    for row in rows:
        traffic.observe(*row)
    expected = np.zeros(41)
    weights = weights_of(*np.array(rows).T)
    expected[: len(weights)] = weights
    assert traffic.weights() == pytest.approx(expected)


def test_old_requests_weigh_less() -> None:
    traffic = Traffic(1000, half_life=10)
    traffic.observe(0, 10)
    for _ in range(10):
        traffic.observe(500, 10)
    weights = traffic.weights()
    recent = sum(0.5 ** (age / 10) for age in range(10))
    assert weights[5] / weights[505] == pytest.approx(0.5 / recent)


def test_weights_stay_finite_and_never_negative() -> None:
    traffic = Traffic(100, half_life=1)
    for length in range(1, 2000):
        traffic.observe(length % 50, length % 30)
    weights = traffic.weights()
    assert np.isfinite(weights).all()
    assert (weights >= 0).all()
    assert weights.max() < 30


def test_a_refit_is_due_by_requests_and_must_gain() -> None:
    traffic, first = Traffic(4096), geometric(256, 4096, 8)
    for _ in range(255):
        traffic.observe(900, 100)
    assert traffic.refit(first) is None, "not due"
    traffic.observe(900, 100)
    fitted = traffic.refit(first)
    assert fitted is not None
    assert fitted.fit(999) < first.fit(999)
    assert fitted.longest == 4096
    for _ in range(256):
        traffic.observe(900, 100)
    assert traffic.refit(fitted) is None, "nothing gained"


def test_lengths_not_seen_have_classes_near_them() -> None:
    traffic = Traffic(131_072)
    for _ in range(300):
        traffic.observe(900, 100)
    assert traffic.classes().fit(1_001) < 4_000
    assert traffic.classes().fit(999) == 1_024, "of a long context, multiples of 32"


def test_classes_follow_other_traffic() -> None:
    traffic, classes = Traffic(4096, half_life=200), geometric(256, 4096)
    for prompt in (300, 2000):
        for _ in range(6000):
            traffic.observe(prompt, 50)
            classes = traffic.refit(classes) or classes
        assert classes.fit(prompt + 49) - (prompt + 49) < 8


def test_longer_rows_count_as_far_as_the_context() -> None:
    traffic = Traffic(20)
    traffic.observe(10, 100)
    traffic.observe(30, 5)
    assert traffic.weights()[10:].tolist() == pytest.approx([1 / 2 ** (1 / 2000)] * 11, rel=1e-3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: geometric(0, 8), "shortest must be at least 1, got 0"),
        (lambda: geometric(9, 8), "longest must be at least 9, got 8"),
        (lambda: geometric(8, 64, 17), "classes must be between 1 and 16, got 17"),
        (lambda: optimal([1], 0), "classes must be between 1 and 16, got 0"),
        (lambda: optimal([]), "weights must have at least one number"),
        (lambda: optimal([-1.0]), "must be finite and at least 0, got -1"),
        (lambda: optimal([0, 0, 1], longest=1), "longest must be at least 2, got 1"),
        (lambda: weights_of([1], [1, 2]), r"outputs must have shape \(1,\), got \(2,\)"),
        (lambda: allocated([0] * 66 + [1], CLASSES), "positions must be at most 64, got 66"),
        (lambda: Traffic(0), "longest must be at least 1, got 0"),
        (lambda: Traffic(8, half_life=0), "half_life must be finite and above 0, got 0"),
    ],
)
def test_bad_arguments(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_equal_classes_are_equal() -> None:
    assert SizeClasses((8, 16)) == SizeClasses([8, 16])
    assert hash(SizeClasses((8, 16))) == hash(SizeClasses([8, 16]))
    assert SizeClasses((8,)) != CLASSES
    assert repr(CLASSES) == "SizeClasses((8, 16, 64))"
