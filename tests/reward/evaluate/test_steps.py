"""AUC and calibration against their definitions."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multibin.reward.evaluate import calibration, step_auc

STEP = st.tuples(st.integers(0, 20).map(lambda n: n / 20), st.booleans())
SOLUTIONS = st.lists(st.lists(STEP, min_size=1, max_size=6), min_size=1, max_size=6)


def flat(drawn: list[list[tuple[float, bool]]]) -> tuple[list[float], list[bool]]:
    """Returns all scores and all labels."""
    scores, labels = zip(*(step for steps in drawn for step in steps), strict=True)
    return list(scores), list(labels)


@given(SOLUTIONS)
def test_auc_counts_pairs(drawn: list[list[tuple[float, bool]]]) -> None:
    scores, labels = flat(drawn)
    good = [s for s, label in zip(scores, labels, strict=True) if label]
    bad = [s for s, label in zip(scores, labels, strict=True) if not label]
    if not good or not bad:
        with pytest.raises(ValueError, match=r"^labels must have good and bad steps, got "):
            step_auc(scores, labels)
        return
    won = [float(g > b) + (g == b) / 2 for g, b in product(good, bad)]
    assert step_auc(scores, labels) == pytest.approx(sum(won) / len(won))
    rows = [[step[0] for step in steps] for steps in drawn]
    marks = [[int(step[1]) for step in steps] for steps in drawn]
    assert step_auc(rows, marks) == step_auc(scores, labels)
    assert step_auc(np.log(np.array(scores) + 1), labels) == step_auc(scores, labels)
    assert step_auc(-np.array(scores), labels) == pytest.approx(1 - step_auc(scores, labels))


@given(SOLUTIONS, st.integers(1, 12))
def test_calibration_is_its_definition(drawn: list[list[tuple[float, bool]]], bins: int) -> None:
    scores, labels = flat(drawn)
    found = calibration(scores, labels, bins)
    error = 0.0
    for k in range(bins):
        inside = [
            (score, label)
            for score, label in zip(scores, labels, strict=True)
            if found.edges[k] <= score and (score < found.edges[k + 1] or k == bins - 1)
        ]
        assert found.counts[k] == len(inside)
        if inside:
            mean, share = (float(np.mean(column)) for column in zip(*inside, strict=True))
            assert (found.scores[k], found.good[k]) == pytest.approx((mean, share))
            error += len(inside) / len(scores) * abs(mean - share)
        else:
            assert np.isnan([found.scores[k], found.good[k]]).all()
    assert found.counts.sum() == len(scores)
    assert found.expected_error == pytest.approx(error)
    squares = [(s - label) ** 2 for s, label in zip(scores, labels, strict=True)]
    assert found.brier == pytest.approx(np.mean(squares))
    assert len(found.table().splitlines()) == 2 + bins


def test_probabilities_are_calibrated() -> None:
    rng = np.random.default_rng(0)
    scores = rng.random(100_000)
    found = calibration(scores, rng.random(100_000) < scores)
    assert found.expected_error < 0.01
    assert found.brier == pytest.approx(1 / 6, abs=0.005)
    assert found.good == pytest.approx(np.arange(0.05, 1, 0.1), abs=0.02)


def test_empty_bins_are_blank_in_the_table() -> None:
    assert calibration([0.1], [1], bins=2).table().splitlines()[3] == "| 0.5 to 1 | 0 |  |  |"


@pytest.mark.parametrize("measure", [step_auc, calibration])
@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        ([0.5, 0.5], [1], "labels must have one label for each of the 2 scores, row by row, got 1"),
        ([[0.5], [0.5, 0.1]], [[1, 0], [1]], "labels must have one label for each of the 3 scores"),
        ([0.5, 0.5], [1, -1], "labels must be 0 or 1, got -1"),
        ([0.5, 0.5], [1, 0.5], "labels must be 0 or 1, got 0.5"),
        ([0.5, float("nan")], [1, 0], r"scores\[1\] must be finite, got nan"),
        ([], [], "scores must have at least one step, got 0"),
    ],
)
def test_what_is_refused(measure: Any, scores: Any, labels: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        measure(scores, labels)


def test_what_calibration_refuses() -> None:
    with pytest.raises(ValueError, match=r"^scores\[1\] must be between 0 and 1, got 1.5$"):
        calibration([0.5, 1.5], [1, 0])
    with pytest.raises(ValueError, match=r"^bins must be at least 1, got 0$"):
        calibration([0.5], [1], bins=0)
