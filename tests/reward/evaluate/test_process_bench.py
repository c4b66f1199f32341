"""ProcessBench: the counts against a plain recount, its files, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multibin.reward.evaluate import (
    FirstErrors,
    ProcessBenchRow,
    process_bench,
    read_process_bench,
)


@st.composite
def benches(draw: st.DrawFn) -> tuple[list[ProcessBenchRow], list[list[float]]]:
    """Draws rows of two splits and their scores."""
    rows, scores = [], []
    for _ in range(draw(st.integers(1, 12))):
        steps = draw(st.integers(1, 4))
        label = draw(st.integers(-1, steps - 1))
        split = draw(st.sampled_from(["gsm8k", "math"]))
        rows.append(ProcessBenchRow("q", ("s",) * steps, label, split))
        scores.append([draw(st.integers(0, 4)) / 4 for _ in range(steps)])
    return rows, scores


def recount(rows: list[ProcessBenchRow], scores: list[list[float]], split: str) -> FirstErrors:
    """Counts one split, or all of them for an empty name."""
    counts = dict.fromkeys(["errors", "correct", "errors_found", "correct_found"], 0)
    for row, steps in zip(rows, scores, strict=True):
        if split in ("", row.split):
            below = [i for i, score in enumerate(steps) if score < 0.5]
            kind = "correct" if row.label == -1 else "errors"
            counts[kind] += 1
            counts[f"{kind}_found"] += (below[0] if below else -1) == row.label
    return FirstErrors(**counts)


@given(benches())
def test_each_split_is_counted(bench: tuple[list[ProcessBenchRow], list[list[float]]]) -> None:
    rows, scores = bench
    found = process_bench(rows, scores)
    assert found.overall == recount(rows, scores, "")
    assert list(found.splits) == list(dict.fromkeys(row.split for row in rows))
    assert found.splits == {split: recount(rows, scores, split) for split in found.splits}
    means = [split.f1 for split in found.splits.values()]
    assert found.mean_f1 == pytest.approx(np.mean(means), nan_ok=True)


@given(benches(), st.randoms())
def test_the_order_of_the_rows_does_not_count(
    bench: tuple[list[ProcessBenchRow], list[list[float]]], random: Any
) -> None:
    order = random.sample(range(len(bench[0])), len(bench[0]))
    rows, scores = [bench[0][i] for i in order], [bench[1][i] for i in order]
    assert process_bench(rows, scores).splits == process_bench(*bench).splits


def test_shares() -> None:
    found = FirstErrors(errors=10, correct=4, errors_found=6, correct_found=3)
    assert (found.acc_error, found.acc_correct) == (0.6, 0.75)
    assert found.f1 == pytest.approx(2 * 0.6 * 0.75 / 1.35)
    assert FirstErrors(10, 4, 0, 0).f1 == 0
    assert np.isnan(FirstErrors(0, 4, 0, 3).acc_error)
    assert np.isnan(FirstErrors(0, 4, 0, 3).f1)


ROW: dict[str, Any] = {
    "id": "omnimath-hard-3",
    "generator": "a-model",
    "problem": "q\u2028?",
    "steps": ["a", "b"],
    "label": 1,
    "final_answer_correct": False,
}


@pytest.mark.parametrize("lines", [True, False])
def test_files(tmp_path: Path, lines: bool) -> None:
    rows = [ROW, {"problem": "r", "steps": ["a"], "label": -1}, ROW | {"split": "mine"}]
    content = [json.dumps(row, ensure_ascii=False) for row in rows]
    path = tmp_path / "gsm8k.json"
    path.write_text("\n\n".join(content) if lines else f"[{','.join(content)}]", encoding="utf-8")
    first, second, third = read_process_bench(path)
    assert first == ProcessBenchRow(
        "q\u2028?", ("a", "b"), 1, "omnimath-hard", "omnimath-hard-3", "a-model", False
    )
    assert second == ProcessBenchRow("r", ("a",), -1, "gsm8k")
    assert third.split == "mine"
    scores = [[0.9, 0.1], [0.9], [0.1, 0.1]]
    found = process_bench(path, scores)
    assert found == process_bench([first, second, third], scores)
    assert found.splits == {
        "omnimath-hard": FirstErrors(1, 0, 1, 0),
        "gsm8k": FirstErrors(0, 1, 0, 1),
        "mine": FirstErrors(1, 0, 0, 0),
    }


def test_a_folder(tmp_path: Path) -> None:
    for name in ("math.json", "gsm8k.jsonl", "notes.txt"):
        row = {"problem": name, "steps": ["a"], "label": -1}
        (tmp_path / name).write_text(json.dumps([row] if name == "math.json" else row))
    assert [row.split for row in read_process_bench(tmp_path)] == ["gsm8k", "math"]
    found = process_bench(tmp_path, [[0.5], [0.1]])
    assert [split.acc_correct for split in found.splits.values()] == [1, 0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"\S+ must have rows in JSON or JSON Lines, got none"),
        ("[]", r"\S+ must have rows in JSON or JSON Lines, got none"),
        ("{", r"\S+, line 1 must be JSON, got '{'"),
        ("[{]", r"\S+ must be JSON, got "),
        ("[3]", r"\S+, row 1 must be a JSON object, got 3"),
        (
            '{"problem": "q", "label": 0}',
            r"\S+, line 1 must have the field 'steps', got problem, l",
        ),
        ('{"problem": "q", "steps": [], "label": 0}', ".*: steps must be a list of steps, got "),
        ('{"problem": "q", "steps": [1], "label": 0}', ".*: steps must be a list of steps, got "),
        ('{"problem": "q", "steps": "ab", "label": 0}', ".*: steps must be a list of steps, got "),
        ('{"problem": 1, "steps": ["a"], "label": 0}', ".*: problem must be a string, got 1"),
        (
            '\n{"problem": "q", "steps": ["a"], "label": 1}',
            ".*, line 2: label must be -1 or an ind",
        ),
        ('{"problem": "q", "steps": ["a"], "label": true}', ".*: label must be -1 or an index of"),
        ('{"problem": "q", "steps": ["a"], "label": "0"}', ".*: label must be -1 or an index of"),
    ],
)
def test_files_that_do_not_fit(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "file.jsonl"
    path.write_text(content)
    with pytest.raises(ValueError, match=f"^{message}"):
        read_process_bench(path)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^cannot read .*nowhere.json: "):
        read_process_bench(tmp_path / "nowhere.json")
    (tmp_path / "file.json").write_bytes(b"\xff")
    with pytest.raises(ValueError, match=r"^cannot read .*file.json: "):
        read_process_bench(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"empty must have rows in JSON or JSON Lines, got none$"):
        read_process_bench(tmp_path / "empty")


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([[0.5]], r"scores\[0\] must have one score for each of the 2 steps, got 1"),
        ([[0.5, 0.5], [0.5]], "scores must have one array for each of the 1 rows, got 2"),
        ([], "scores must be a sequence of arrays, one a solution, got "),
        ([0.5, 0.5], "scores must be a sequence of arrays, one a solution, got "),
        ([[0.5, float("nan")]], r"scores\[0\]\[1\] must be finite, got nan"),
    ],
)
def test_scores_that_do_not_fit(scores: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        process_bench([ROW], scores)


def test_rows_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"^rows must have at least one row, got 0$"):
        process_bench([], [])
    with pytest.raises(ValueError, match=r"^labels\[0\] must be -1 or an index of the 1 steps"):
        process_bench([ProcessBenchRow("q", ("a",), 1)], [[0.5]])
    with pytest.raises(ValueError, match=r"^rows\[0\] must have the field 'steps', got problem$"):
        process_bench([{"problem": "q"}], [[0.5]])
    with pytest.raises(ValueError, match=r"^threshold must be finite, got inf$"):
        process_bench([ROW], [[0.5, 0.5]], float("inf"))
