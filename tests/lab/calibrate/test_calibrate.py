"""From measurements to a table: exact where the engine is a formula."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the engine needs the extra `llm`")

import multibin as mb
from multibin.costs._table import Counts
from multibin.lab.calibrate import Settings, calibrate
from multibin.lab.calibrate._bench import STEPS, Cell, Mixed
from multibin.lab.calibrate._mixed import draw, predict
from multibin.lab.calibrate._report import describe, ratios
from multibin.lab.calibrate._settings import grid_tokens

LINEAR = mb.CostModel(
    fixed=0.03, prompt_token=2e-4, moved_row=4e-3, step=0.01, row_step=2e-3, kv_token=3e-5
)


def formula(rows: int, tokens: int) -> Cell:
    """The seconds of the linear model."""
    kv = LINEAR.kv_token * rows
    step = LINEAR.step + LINEAR.row_step * rows
    return Cell(
        step=step + kv * (tokens + 1),
        prefill=LINEAR.fixed + LINEAR.prompt_token * rows * tokens + step + kv * tokens,
        move=LINEAR.fixed + LINEAR.moved_row * rows,
    )


def engine(counts: Counts, disturbed: int | None = None) -> Any:
    """Returns a double of the bench: cells by the formula, mixed batches by a table of it.

    One of the calls for a cell takes a second longer.
    """
    rows, tokens = np.array([1, 2, 64]), np.array([1, 4000])
    grids: dict[str, Any] = {
        name: [[getattr(formula(r, t), name) for t in tokens] for r in rows]
        for name in ("step", "prefill", "move")
    }
    table = mb.CostTable(rows, tokens, **grids, counts=counts)

    class Formula:
        def __init__(self, _: object) -> None:
            self.calls = 0

        def cell(self, rows: int, tokens: int) -> Cell:
            self.calls += 1
            cell = formula(rows, tokens)
            return replace(cell, step=cell.step + 1) if self.calls == disturbed else cell

        def seconds(self, mixed: Mixed) -> float:
            return predict(mixed, table)

    return Formula


SETTINGS = Settings(rows=(1, 4, 8), tokens=(16, 100, 400), repeats=3)


@pytest.mark.parametrize("counts", ["longest", "mean"])
def test_a_linear_engine_is_found(counts: Counts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("multibin.lab.calibrate._measure.Bench", engine(counts))
    found = calibrate(SETTINGS)
    assert found.table.counts == counts
    other = {"longest": "mean", "mean": "longest"}[counts]
    assert found.deviations[counts] < 1e-6 < found.deviations[other]  # type: ignore[index]
    expected = [[formula(r, t).step for t in (16, 100, 400)] for r in (1, 4, 8)]
    np.testing.assert_allclose(found.table.step, expected)
    assert found.linear.parameters == pytest.approx(LINEAR.parameters)
    assert found.linear_worst < 1e-9
    checked = found.validation
    np.testing.assert_allclose(checked.table, checked.engine, rtol=1e-6)
    exact = counts == "mean"
    assert np.allclose(checked.linear, checked.engine, rtol=1e-6) == exact
    assert f"count by their {counts}: 0.0% off" in describe(found)


def test_one_disturbed_run_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    # One to size the KV cache, nine to warm up, then a cell of the first repeat.
    monkeypatch.setattr("multibin.lab.calibrate._measure.Bench", engine("longest", disturbed=14))
    assert calibrate(SETTINGS).table.step.max() < 1


def test_mixed_batches_stay_in_their_bounds() -> None:
    batches = draw(200, rows=16, shortest=16, longest=1000, seed=0)
    assert [mixed.limit is not None for mixed in batches[:4]] == [False, True, False, True]
    rows = {len(mixed.prompts) for mixed in batches}
    assert min(rows) == 2
    assert max(rows) == 16
    prompts = np.concatenate([mixed.prompts for mixed in batches])
    outputs = np.concatenate([mixed.outputs for mixed in batches])
    assert 16 <= prompts.min() < 32 < 400 < prompts.max() <= 500
    assert 2 <= outputs.min() < 5 < 200 < outputs.max() <= 250
    limits = [(mixed.limit, max(mixed.outputs)) for mixed in batches if mixed.limit is not None]
    assert all(1 <= limit < longest for limit, longest in limits)
    assert draw(3, 16, 16, 1000, seed=1) == draw(3, 16, 16, 1000, seed=1)


@pytest.mark.parametrize(("rows", "shortest", "longest"), [(1, 1, 1), (2, 1, 2), (1, 500, 500)])
def test_small_grids_have_mixed_batches(rows: int, shortest: int, longest: int) -> None:
    for mixed in draw(20, rows, shortest, longest, seed=0):
        assert len(mixed.prompts) == rows
        assert set(mixed.prompts) == {shortest}
        assert mixed.limit is None or 1 <= mixed.limit < max(mixed.outputs)


def test_a_prediction_by_hand() -> None:
    ones = np.ones((1, 1))
    table = mb.CostTable(np.array([1]), np.array([1]), 1 * ones, 100 * ones, 10_000 * ones)
    mixed = Mixed((5, 9, 7), (2, 12, 6), None)
    assert predict(mixed, table) == pytest.approx(100 + 11)
    # The first batch has 3 decode steps, the second the other 8.
    assert predict(replace(mixed, limit=4), table) == pytest.approx(100 + 3 + 10_000 + 8)


def test_the_worst_ratio_is_the_farthest_factor() -> None:
    found = ratios(np.array([1.0, 3.0, 1.5]), np.array([2.5, 2.0, 1.0]))
    assert found == pytest.approx({"median": 1.5, "worst": 0.4})


def test_the_tokens_follow_the_condescribe() -> None:
    assert grid_tokens(Settings(), 1024) == (16, 32, 64, 128, 256, 512, 1024 - STEPS)
    assert grid_tokens(Settings(), 1 << 20) == (16, 32, 64, 128, 256, 512, 1024, 2048)
    assert grid_tokens(Settings(), STEPS + 17) == (17,)
    assert grid_tokens(Settings(tokens=(3, 48)), 64) == (3, 48)
    with pytest.raises(
        ValueError, match=r"tokens\[.*\] must be at most 48, 16 steps below the model's"
    ):
        grid_tokens(Settings(tokens=(3, 49)), 64)
    with pytest.raises(ValueError, match="context of 16"):
        grid_tokens(Settings(), STEPS)
