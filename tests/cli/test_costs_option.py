"""``--costs FILE`` of ``multibin simulate`` and ``multibin plan``: a table instead of costs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import multibin as mb
from multibin.cli import main
from multibin.lab.compare import default_overhead
from multibin.lab.traces import read

ROWS, TOKENS = np.array([1, 8]), np.array([0, 100])


@pytest.fixture(autouse=True)
def table() -> mb.CostTable:
    """In ``table.json``: steps of 0.02 s, 0.01 s a row that starts, 0.1 s to move 8."""
    found = mb.CostTable(
        ROWS,
        TOKENS,
        step=np.full((2, 2), 0.02),
        prefill=np.array([[0.01, 0.01], [0.08, 0.08]]),
        move=np.array([[0.0125, 0.0125], [0.1, 0.1]]),
        about={"model": "a model of two lines"},
    )
    found.save("table.json")
    return found


def parsed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main([*arguments, "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


def test_simulate_plays_the_table(capsys: pytest.CaptureFixture[str], table: mb.CostTable) -> None:
    arguments = ("simulate", "trace.csv", "--costs=table.json", "--warm-up=0", "--completes=row")
    found = parsed(capsys, *arguments)
    assert found["settings"]["costs"] == table.data | {"completes": "row"}
    assert found["move_cost"] == pytest.approx(0.1 / 0.02)
    answered = mb.CostTable(**table.data | {"completes": "row"})
    former = mb.SchedulerConfig(mb.Edges(found["edges"]), 8)
    records = mb.simulate(read("trace.csv"), scheduler=former, costs=answered)
    row = next(row for row in found["policies"] if row["policy"] == "elastic")
    assert row["latency"]["mean"] == pytest.approx(records.latency.mean())


def test_the_tables_answer_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    given = json.loads(Path("table.json").read_text())
    Path("row.json").write_text(json.dumps(given | {"completes": "row"}))
    found = parsed(capsys, "simulate", "trace.csv", "--costs=row.json")
    assert found["settings"]["costs"]["completes"] == "row"


def test_the_words_say_what_was_measured(capsys: pytest.CaptureFixture[str]) -> None:
    words = "a batch takes what was measured of a model of two lines (rows 1 to 8, tokens 0 to 100;"
    assert main(["simulate", "trace.csv", "--costs=table.json", "--policy=elastic"]) == 0
    assert words in capsys.readouterr().out
    plan = ["plan", "trace.csv", "--costs=table.json", "--batch-sizes=8", "--bins=1,8"]
    assert main([*plan, "--requests=5000", "--rate=0.4"]) == 0
    assert words in capsys.readouterr().out


def test_plan_chooses_by_the_table(capsys: pytest.CaptureFixture[str], table: mb.CostTable) -> None:
    arguments = ("plan", "trace.csv", "--requests=5000", "--rate=0.4", "--batch-sizes=8")
    by_table = parsed(capsys, *arguments, "--bins=1,8", "--costs=table.json")
    by_costs = parsed(capsys, *arguments, "--bins=1,8")
    assert by_table["settings"]["costs"] == table.data
    means = [found["chosen"]["latency"]["mean"] for found in (by_table, by_costs)]
    assert means[0] != pytest.approx(means[1], rel=1e-3)


def test_a_move_costs_what_the_table_says(table: mb.CostTable) -> None:
    assert default_overhead(table, 16) == pytest.approx(0.2 / 0.02)
    free = mb.CostTable(ROWS, TOKENS, 0 * table.step, table.prefill, table.move)
    assert default_overhead(free, 8) == 2.0


@pytest.mark.parametrize("command", ["simulate", "plan"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--costs=nowhere.json"], "nowhere.json"),
        (["--costs=trace.csv"], "trace.csv is no cost table"),
        (
            ["--costs=table.json", "--step=0.1"],
            "step must be left out with costs = table.json, got 0.1",
        ),
        (["--costs=zero.json"], "the sum of the costs must be at least 1e-09 s, got 0"),
        (["--costs=slow.json"], "step must be between 0 and 10000, got 20000"),
    ],
)
def test_bad_tables_end_in_one_line(
    command: str,
    arguments: list[str],
    message: str,
    table: mb.CostTable,
    refused: Callable[[list[str], str], None],
) -> None:
    nothing = np.zeros((2, 2))
    mb.CostTable(ROWS, TOKENS, nothing, nothing, nothing).save("zero.json")
    mb.CostTable(ROWS, TOKENS, 1e6 * table.step, nothing, nothing).save("slow.json")
    refused([command, "trace.csv", *arguments], message)
