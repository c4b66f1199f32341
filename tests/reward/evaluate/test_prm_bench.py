"""PRMBench: the counts against a plain recount, its files, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multibin.reward.evaluate import PrmBenchRow, StepCounts, prm_bench, read_prm_bench


@st.composite
def benches(draw: st.DrawFn) -> tuple[list[PrmBenchRow], list[list[float]]]:
    """Draws rows of three classes, one of them the correct one, and their scores."""
    rows, scores = [], []
    for _ in range(draw(st.integers(1, 12))):
        steps = draw(st.integers(1, 4))
        kind = draw(st.sampled_from(["circular", "deception", "correct"]))
        errors = draw(st.sets(st.integers(1, steps + 1))) if kind != "correct" else set[int]()
        rows.append(PrmBenchRow("q", ("s",) * steps, tuple(draw(st.permutations([*errors]))), kind))
        scores.append([draw(st.integers(0, 4)) / 4 for _ in range(steps)])
    return rows, scores


def f1(predicted: list[bool], true: list[bool]) -> float:
    """Returns the F1 of what is true, from precision and recall."""
    both = sum(p and t for p, t in zip(predicted, true, strict=True))
    if not any(predicted) and not any(true):
        return float("nan")
    if not both:
        return 0.0
    precision, recall = both / sum(predicted), both / sum(true)
    return 2 * precision * recall / (precision + recall)


def recount(rows: list[PrmBenchRow], scores: list[list[float]], kinds: set[str]) -> list[float]:
    """Returns both F1, their mean, and the accuracy on first errors."""
    kept, good, first = [], [], []
    for row, steps in zip(rows, scores, strict=True):
        if row.classification not in kinds:
            continue
        bad = [number for number in range(1, len(steps) + 1) if number in row.error_steps]
        kept += [score > 0.5 for score in steps]
        good += [number not in bad for number in range(1, len(steps) + 1)]
        first += [steps[bad[0] - 1] <= 0.5] if bad else []
    one, other = f1(kept, good), f1([not k for k in kept], [not g for g in good])
    return [one, other, (one + other) / 2, float(np.mean(first)) if first else float("nan")]


def shares(counts: StepCounts) -> list[float]:
    """Returns what `recount` does."""
    return [counts.f1_good, counts.f1_bad, counts.score, counts.first_error_accuracy]


@given(benches())
def test_each_class_is_counted(bench: tuple[list[PrmBenchRow], list[list[float]]]) -> None:
    rows, scores = bench
    found = prm_bench(rows, scores)
    assert list(found.classes) == list(dict.fromkeys(row.classification for row in rows))
    for kind, counts in found.classes.items():
        assert shares(counts) == pytest.approx(recount(rows, scores, {kind}), nan_ok=True)
    expected = recount(rows, scores, {"circular", "deception"})
    assert shares(found.overall) == pytest.approx(expected, nan_ok=True)


def test_a_score_at_the_threshold_is_refused() -> None:
    rows = [PrmBenchRow("q", ("a", "b"), (2,), "circular")]
    assert prm_bench(rows, [[0.75, 0.5]]).overall.score == 1
    assert prm_bench(rows, [[0.75, 0.5]], threshold=0.4).overall.first_error_accuracy == 0


ROW: dict[str, Any] = {
    "idx": "prm_test_1",
    "original_question": "q",
    "original_process": ["a", "b"],
    "modified_question": "r",
    "modified_process": ["a", "x", "b"],
    "error_steps": [2],
    "classification": "redundency",
}


def test_files(tmp_path: Path) -> None:
    other = ROW | {"classification": "circular", "error_steps": [2, 9]}
    path = tmp_path / "bench.jsonl"
    path.write_text("\n".join(map(json.dumps, [ROW, other, ROW])))
    rows = read_prm_bench(path)
    assert rows == [
        PrmBenchRow("q", ("a", "b"), (), "correct", "prm_test_1"),
        PrmBenchRow("r", ("a", "x", "b"), (2,), "redundency", "prm_test_1"),
        PrmBenchRow("r", ("a", "x", "b"), (2, 9), "circular", "prm_test_1"),
    ]
    found = prm_bench(path, [[0.1, 0.1], [0.9, 0.1, 0.9], [0.9, 0.1, 0.9]])
    assert found.overall == StepCounts(4, 0, 0, 2, solutions=2, first_refused=2)
    assert found.classes["correct"] == StepCounts(0, 0, 2, 0)
    given = [
        {**vars(row), "steps": [*row.steps], "error_steps": [*row.error_steps]} for row in rows
    ]
    assert prm_bench(given, [[0.1, 0.1], [0.9, 0.1, 0.9], [0.9, 0.1, 0.9]]) == found


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"error_steps": [0]}, r"\S+, line 1: error_steps must be at least 1, got 0"),
        ({"error_steps": ["2"]}, r".*: error_steps must be a list of integers, got \['2'\]"),
        ({"error_steps": 2}, r".*: error_steps must be a list of integers, got 2"),
        ({"modified_process": []}, r".*: modified_process must be a list of steps, got \[\]"),
        ({"original_process": None}, r".*: original_process must be a list of steps, got None"),
        ({"classification": None}, r".*: classification must be a string, got None"),
    ],
)
def test_files_that_do_not_fit(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = tmp_path / "bench.jsonl"
    path.write_text(json.dumps(ROW | change))
    with pytest.raises(ValueError, match=f"^{message}$"):
        read_prm_bench(path)


def test_rows_that_do_not_fit() -> None:
    row = PrmBenchRow("q", ("a", "b"), (2,), "circular")
    with pytest.raises(ValueError, match=r"^error_steps must be at least 1, got 0$"):
        PrmBenchRow("q", ("a", "b"), (0,), "circular")
    with pytest.raises(ValueError, match=r"^scores\[0\] must have one score for each of the 2 st"):
        prm_bench([row], [[0.5]])
    with pytest.raises(ValueError, match=r"^scores must be a sequence of arrays, one a solution"):
        prm_bench([row], [0.5, 0.5])
    with pytest.raises(ValueError, match=r"^rows must have at least one row, got 0$"):
        prm_bench([], [])
