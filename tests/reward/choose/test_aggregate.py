"""One score of the scores of steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import fsum, prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multibin.reward.choose import AGGREGATES, aggregate

SHARES = st.floats(0, 1)
STEPS = st.lists(SHARES, min_size=1, max_size=9)
PLAIN: dict[str, Callable[[Sequence[float]], float]] = {
    "min": min,
    "mean": lambda steps: fsum(steps) / len(steps),
    "product": prod,
    "last": lambda steps: steps[-1],
    "max": max,
    "sum": fsum,
}


@pytest.mark.parametrize("how", AGGREGATES)
@given(st.lists(STEPS, min_size=1, max_size=9))
def test_all_at_once_and_one_by_one_are_the_definition(how: str, many: list[list[float]]) -> None:
    together = aggregate([np.array(steps) for steps in many], how)
    assert isinstance(together, np.ndarray)
    assert together == pytest.approx([PLAIN[how](steps) for steps in many], rel=1e-12, abs=1e-300)
    assert together.tolist() == [aggregate(steps, how) for steps in many]


@given(STEPS, st.randoms())
def test_only_last_depends_on_the_order(steps: list[float], random: Any) -> None:
    other = random.sample(steps, len(steps))
    for how in set(AGGREGATES) - {"last"}:
        assert aggregate(other, how) == pytest.approx(aggregate(steps, how), rel=1e-12, abs=1e-300)


@given(STEPS, st.data())
def test_a_better_step_makes_no_candidate_worse(steps: list[float], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(steps) - 1))
    better = [*steps]
    better[at] = data.draw(st.floats(steps[at], 1))
    for how in AGGREGATES:
        assert aggregate(better, how) >= aggregate(steps, how)


def test_a_matrix_has_a_candidate_a_row() -> None:
    assert aggregate(np.array([[0.5, 0.25], [1.0, 0.75]])).tolist() == [0.25, 0.75]
    assert aggregate((0.5, 0.25)) == 0.25
    assert aggregate(np.array([3, 1])) == 1.0
    assert aggregate([True, False], "mean") == 0.5
    assert aggregate([np.float32(0.5), np.float32(0.25)]) == 0.25


def test_tensors_are_read() -> None:
    torch = pytest.importorskip("torch")
    assert aggregate(torch.tensor([0.5, 0.25])) == 0.25
    assert aggregate([torch.tensor([0.5, 0.25]), torch.tensor([1.0])]).tolist() == [0.25, 1.0]


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([], "scores must have at least one step, got 0"),
        ([[0.5], []], r"scores\[1\] must have at least one step, got 0"),
        ([[0.5], [0.1, float("nan")]], r"scores\[1\]\[1\] must be finite, got nan"),
        ([[0.5], [float("nan"), 0.1]], r"scores\[1\]\[0\] must be finite, got nan"),
        ([0.5, float("inf")], r"scores\[1\] must be finite, got inf"),
        ([[0.5], 0.5], r"scores\[1\] must have shape \[steps\], got \(\)"),
        (0.5, r"scores must have shape \[steps\], got \(\)"),
        ([[[0.5]]], r"scores\[0\] must have shape \[steps\], got \(1, 1\)"),
        (["high"], r"scores must be numeric, got \['high'\]"),
        ([[0.5], ["high"]], r"scores\[1\] must be numeric, got \['high'\]"),
        (None, r"scores must have shape \[steps\], got \(\)"),
        ([[0.5], [[1.0], [2.0, 3.0]]], r"scores\[1\] must be numeric"),
    ],
)
def test_what_is_refused(scores: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        aggregate(scores)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^how must be one of 'min', .*, got 'median'$"):
        aggregate([0.5], "median")
