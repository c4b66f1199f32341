"""The first wrong step, and the best threshold against every other one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multibin.reward.evaluate import best_threshold, first_error, process_bench

STEPS = st.lists(st.integers(0, 10).map(lambda tenth: tenth / 10), min_size=1, max_size=5)


def plain(steps: list[float], threshold: float) -> int:
    """Returns the first step below the threshold, or −1."""
    return next((i for i, score in enumerate(steps) if score < threshold), -1)


@given(st.lists(STEPS, min_size=1, max_size=8), st.floats(-1, 2))
def test_all_at_once_and_one_by_one(many: list[list[float]], threshold: float) -> None:
    expected = [plain(steps, threshold) for steps in many]
    assert first_error(many, threshold).tolist() == expected
    assert [first_error(steps, threshold) for steps in many] == expected


def test_the_threshold_itself_is_good() -> None:
    assert first_error([0.5, 0.25, 0.125]) == 1
    assert first_error([0.5, 0.25, 0.125], 0.25) == 2
    assert first_error(np.array([[0.5, 0.25], [0.75, 0.5]])).tolist() == [1, -1]


@st.composite
def labelled(draw: st.DrawFn) -> tuple[list[list[float]], list[int]]:
    """Draws solutions with labels, at least one with and one without a wrong step."""
    many = draw(st.lists(STEPS, min_size=2, max_size=8))
    labels = [draw(st.integers(-1, len(steps) - 1)) for steps in many]
    return many, [-1, draw(st.integers(0, len(many[1]) - 1)), *labels[2:]]


def f1(many: list[list[float]], labels: list[int], threshold: float) -> float:
    """Returns the harmonic mean of both accuracies, by their definitions."""
    right = [plain(s, threshold) == label for s, label in zip(many, labels, strict=True)]
    wrong = [r for r, label in zip(right, labels, strict=True) if label >= 0]
    clean = [r for r, label in zip(right, labels, strict=True) if label < 0]
    one, other = sum(wrong) / len(wrong), sum(clean) / len(clean)
    return 2 * one * other / (one + other) if one + other else 0.0


@given(labelled())
def test_no_threshold_is_better(drawn: tuple[list[list[float]], list[int]]) -> None:
    many, labels = drawn
    best = f1(many, labels, best_threshold(many, labels))
    grid = [-0.05, *(tenth / 20 for tenth in range(22)), 1.15]
    assert best == pytest.approx(max(f1(many, labels, threshold) for threshold in grid))
    rows = [
        {"problem": "", "steps": ["x"] * len(steps), "label": label}
        for steps, label in zip(many, labels, strict=True)
    ]
    found = process_bench(rows, many, best_threshold(many, labels))
    assert found.overall.f1 == pytest.approx(best)


def test_the_middle_of_the_widest_range() -> None:
    assert best_threshold([[0.9, 0.8], [0.9, 0.2]], [-1, 1]) == pytest.approx(0.5)
    assert best_threshold([[3.0], [-5.0]], [-1, 0]) == -1.0, "logits have thresholds too"


def test_scores_that_are_neighbours() -> None:
    low = 0.5
    high = float(np.nextafter(low, 1))
    assert best_threshold([[high], [low]], [-1, 0]) == high


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        ([[1], [1]], [-1, -1], "labels must have .* a wrong step, got 0 of 2 with one"),
        ([[1], [1]], [0, 0], "labels must have .* a wrong step, got 2 of 2 with one"),
        ([[1], [1]], [-1], "labels must have one label for each of the 2 solutions, got 1"),
        ([[1], [1]], [-1, 1], r"labels\[1\] must be -1 or an index of the 1 steps, got 1"),
        ([[1], [1]], [-2, 0], r"labels\[0\] must be -1 or an index of the 1 steps, got -2"),
        ([[1], []], [-1, 0], r"scores\[1\] must have at least one step, got 0"),
        ([], [], "scores must be a sequence of arrays, one a solution, got "),
        ([1.0, 2.0], [-1, 0], r"scores must be a sequence of arrays, one a solution, got "),
        ([[1], [1]], [[-1, 0]], r"labels must have shape \[n\], got \(1, 2\)"),
    ],
)
def test_what_has_no_best_threshold(scores: Any, labels: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        best_threshold(scores, labels)


def test_labels_are_integers() -> None:
    with pytest.raises(TypeError, match=r"^labels must have an integer dtype, got float64$"):
        best_threshold([[1], [1]], [-1.0, 0.0])


def test_what_has_no_first_error() -> None:
    with pytest.raises(ValueError, match=r"^scores\[1\] must be finite, got nan$"):
        first_error([0.5, float("nan")])
    with pytest.raises(ValueError, match=r"^threshold must be finite, got nan$"):
        first_error([0.5], float("nan"))
