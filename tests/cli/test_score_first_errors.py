"""`multibin score --process-bench`: first errors are counted over all lines with a label."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from multibin.cli import main

pytest.importorskip("torch", reason="the command needs the extra `llm`")

from multibin.reward._job.tally import Tally, table


def write(*lines: Any) -> str:
    Path("in.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return "in.jsonl"


def answers() -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]


def bench(count: int) -> list[dict[str, Any]]:
    """Rows of two splits; the built-in model's scores are all above .5."""
    return [
        {
            "id": f"{'math' if i % 2 else 'gsm8k'}-{i}",
            "problem": f"{i}?",
            "steps": ["One."] * (i % 3 + 1),
            "label": -1 if i % 5 < 2 else 0,
        }
        for i in range(count)
    ]


def f1(said: str) -> dict[str, list[str]]:
    rows = [line.split() for line in said.splitlines()]
    return {row[0]: row[1:] for row in rows if row and row[0] in ("gsm8k", "math", "all")}


def test_first_errors_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", write(*bench(20)), "out.jsonl", "--process-bench"]) == 0
    found = f1(capsys.readouterr().err)
    assert found["all"] == ["12", "8", "0.0", "100.0", "0.0"]
    assert found["math"][:2] == ["6", "4"]
    high = ["--process-bench", "--threshold=.99"]
    assert main(["score", "in.jsonl", "other.jsonl", *high]) == 0
    assert f1(capsys.readouterr().err)["all"] == ["12", "8", "100.0", "0.0", "0.0"]


def test_first_errors_of_an_earlier_run_count(capsys: pytest.CaptureFixture[str]) -> None:
    write(*bench(20))
    assert main(["score", "in.jsonl", "out.jsonl"]) == 0
    lines = Path("out.jsonl").read_text().splitlines(keepends=True)
    Path("out.jsonl").write_text("".join(lines[:7]))
    capsys.readouterr()
    assert main(["score", "in.jsonl", "out.jsonl", "--process-bench", "--window=3"]) == 0
    assert f1(capsys.readouterr().err)["all"] == ["12", "8", "0.0", "100.0", "0.0"]


def test_labels_that_do_not_fit_are_errors() -> None:
    row = {"problem": "q", "steps": ["a", "b"]}
    several = {"question": "q", "candidates": ["a", "b"], "label": 0}
    lines = [row | {"label": 2}, row | {"label": "0"}, several, row, row | {"label": 1}]
    assert main(["score", write(*lines), "out.jsonl", "--process-bench"]) == 1
    found = answers()
    assert ["error" in one for one in found] == [True, True, True, False, False]
    assert "label must be -1 or an index of the 2 steps" in found[0]["error"]["message"]
    assert "the label must be of one candidate, got 2" in found[2]["error"]["message"]
    # Without the option a label is a field like others.
    assert main(["score", write(*lines), "other.jsonl"]) == 0


@pytest.mark.parametrize(("label", "got"), [("NaN", "nan"), ("1.0", "1.0"), ("true", "True")])
def test_a_label_that_is_no_int_is_named_with_its_line(
    label: str, got: str, capsys: pytest.CaptureFixture[str]
) -> None:
    good = json.dumps({"problem": "q", "steps": ["a", "b"], "label": 1})
    Path("in.jsonl").write_text(f"{good}\n{good.replace(': 1}', f': {label}}}')}\n")
    assert main(["score", "in.jsonl", "out.jsonl", "--process-bench"]) == 1
    message = f"label must be -1 or an index of the 2 steps, got {got}"
    assert answers()[1]["error"] == {"code": "ValueError", "message": message}
    assert f"the first: line 2: {message}" in capsys.readouterr().err


UNLABELLED = [{"question": "q", "candidates": ["a", "b"]}, {"question": "q", "steps": ["a"]}]


def test_no_label_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", write(*UNLABELLED), "out.jsonl", "--process-bench"]) == 0
    assert "no line has a label" in capsys.readouterr().err


def test_the_table_has_an_f1() -> None:
    tally = Tally(0.5)
    for at, label in [(1, 1), (2, 1), (3, -1), (4, -1)]:
        scores = [0.9, 0.2] if at in (1, 3) else [0.9, 0.8]
        tally.add({"id": f"math-{at}", "label": label, "scores": [scores]})
    found = tally.result()
    assert found is not None
    assert found.overall.f1 == pytest.approx(0.5)
    assert table(found).splitlines()[-1] == "mean F1 of the splits: 50.0"
