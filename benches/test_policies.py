"""Predictor drift: what is counted, and that the gate is in time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benches.policies import drift, figures
from benches.policies.model import BATCH_SIZES, Lab, Load
from benches.policies.run import Runs

from multibin.lab.traces import chat


@pytest.fixture(scope="module")
def runs() -> Runs:
    return Runs(Lab(chat(20_000, seed=10**6).output_tokens, 12_000, 0, 2))


def test_predictions_are_wrong_in_their_spell_alone(runs: Runs) -> None:
    trace = runs.lab.drawn(Load(error=None, spell=(0.25, 0.5)), 12_000, 0)
    wrong = trace.predictions != trace.output_tokens
    assert not wrong[:3000].any()
    assert wrong[3000:6000].mean() > 0.9
    assert not wrong[6000:].any()


def test_requests_are_counted_from_the_arrival_of_the_turn() -> None:
    """Request 3 is the turn; request 2 finishes after it arrived."""
    found = drift.Drift(
        gain=np.full(6, 1.0),
        is_open=np.array([True, True, True, False, False, True]),
        request=np.array([0, 1, 2, 3, 4, 5]),
        arrived=np.array([1, 3, 4, 5, 6, 6]),
    )
    assert found.until(3, is_open=False) == (2, 1)
    assert found.until(4, is_open=True) == (3, 2)
    assert np.isnan(found.until(6, is_open=False)).all()


@pytest.mark.parametrize("batch_size", BATCH_SIZES)
def test_a_turn_and_a_recovery_are_noticed(runs: Runs, batch_size: int) -> None:
    first, last, n = drift.bounds(runs.lab)
    for found in drift.drifts(runs, batch_size, 0.95):
        assert sorted(found.request) == list(range(n))
        assert found.is_open[found.arrived <= first].all()
        closed, opened = found.until(first, is_open=False)[0], found.until(last, is_open=True)[0]
        assert 1 < closed < drift.NOTICED
        assert 1 < opened < drift.NOTICED
        assert found.is_open[-1]


def test_the_tables_and_the_figure(runs: Runs, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="figures need the extra `plot`")
    noticed, latencies = drift.show(runs)
    loads = len(drift.LOADS) * len(BATCH_SIZES)
    assert len(noticed.splitlines()) == 2 + 2 * loads
    assert len(latencies.splitlines()) == 2 + len(drift.NAMES) * loads
    picture = figures.draw_drift(runs, tmp_path / "gate.png")
    assert picture.stat().st_size > 10_000
