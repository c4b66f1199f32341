"""``multibin calibrate``: a table from the tiny model, and bad input ends in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import multibin as mb
from multibin.cli import main

pytest.importorskip("torch", reason="the engine needs the extra `llm`")

SMALL = ["calibrate", "--rows=1,3", "--tokens=8,24", "--repeats=1", "--device=cpu"]


@pytest.fixture
def found(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main([*SMALL, "--json", "--out=table.json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


def test_the_table_is_written_and_simulates(
    found: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    table = mb.CostTable.load("table.json")
    assert found["table"] == table.data
    assert (table.rows.tolist(), table.tokens.tolist()) == ([1, 3], [8, 24])
    assert min(table.step.min(), table.prefill.min()) > 0
    # The time of a move is a difference, of which noise may leave nothing.
    assert table.move.min() >= 0
    assert table.completes == "row"
    assert table.about["device"].startswith("CPU")
    assert {"model", "threads", "dtype", "versions", "date"} < set(table.about)
    assert main(["simulate", "trace.csv", "--costs=table.json", "--policy=elastic"]) == 0
    assert "what was measured of built-in Llama" in capsys.readouterr().out


def test_what_is_said_of_the_table_follows_from_it(found: dict[str, Any]) -> None:
    table = mb.CostTable.load("table.json")
    linear, worst = table.linear()
    assert found["linear"] == linear.data | {"worst_deviation": worst}
    deviations = found["deviations"]
    assert table.counts == min(deviations, key=deviations.get)
    batches = found["validation"]["batches"]
    assert len(batches) == 8
    ratios = [batch["table"] / batch["engine"] for batch in batches]
    assert found["validation"]["table"]["median"] == pytest.approx(np.median(ratios))


def test_the_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SMALL, "--dtype=float64", "--threads=1"]) == 0
    out = capsys.readouterr().out
    assert "float64; CPU, " in out
    assert "1 thread; multibin 0." in out
    assert "These are numbers of this CPU: measure on the machine that serves." in out
    for title in ("a decode step", "starting new rows", "parking rows"):
        assert f"\n{title}" in out
    assert "nearest linear model: mb.CostModel(" in out
    assert "validation: 8 other batches" in out
    assert not list(Path().glob("*.json"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model=./nowhere"], "nowhere"),
        (["--rows=0"], "rows[0] must be between 1 and 4294967295, got 0"),
        (["--rows=4,2"], "rows[1] must be above rows[0] = 4, got 2"),
        (["--rows=many"], "rows must be integers with commas between, got 'many'"),
        (["--tokens=0,8"], "tokens[0] must be between 1 and 4294967295, got 0"),
        (["--tokens=8,9000"], "16 steps below the model's context of"),
        (["--repeats=0"], "repeats must be at least 1, got 0"),
        (["--width=0"], "width must be at least 1, got 0"),
        (["--threads=0"], "threads must be at least 1, got 0"),
        (["--device=tpu9"], "device must be a device of torch, got 'tpu9'"),
        (["--dtype=int8"], "dtype must be a floating-point dtype"),
        (
            ["--out=nowhere/table.json"],
            "out must be a file that can be written, got 'nowhere/table.json'",
        ),
        (["--out=."], "out must be a file that can be written, got '.'"),
    ],
)
def test_bad_arguments_end_in_one_line(
    arguments: list[str], message: str, refused: Callable[[list[str], str], None]
) -> None:
    refused(["calibrate", *arguments], message)
