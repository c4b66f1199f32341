"""The gate's page: true gains, what is counted, and that every table and the figure are drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benches.gate import fed, figures, swaps, watched
from benches.gate.model import JUDGES, SHAPES, Cell, Lab, Size
from benches.gate.run import Run
from benches.gate.scale import Scale
from benches.gate.tables import Found, Target, claim

import multibin as mb
from multibin.lab import theory

CELL = Cell("log-normal", Size(8, 16), 0.5)


@pytest.fixture(scope="module")
def scale() -> Scale:
    return Scale(Lab(), 20_000, 1, quick=True)


def test_draws_follow_from_the_seed() -> None:
    first, again, other = (Lab(seed).pairs("uniform", 0.5, 100, "x") for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_true_gain_is_the_theorys(scale: Scale, shape: str) -> None:
    cell = Cell(shape, CELL.size, CELL.error)
    predicted, actual = scale.lab.pairs(shape, cell.error, JUDGES, "judges")
    binned = theory.throughput(actual, scale.lab.edges(cell), 8, predicted)
    one = theory.throughput(actual, mb.Edges([0, 1]), 8)
    assert scale.lab.gain(cell) == pytest.approx(binned / one)


def test_an_error_is_found_by_its_gain(scale: Scale) -> None:
    error = scale.lab.error_of(CELL, 1.2)
    assert error is not None
    assert scale.lab.gain(CELL.with_error(error)) == pytest.approx(1.2, abs=0.02)
    assert scale.lab.error_of(CELL, 100.0) is None


def test_open_shares_count_from_the_fourth_window() -> None:
    """Of the requests from 400 on 500 to 600 and 900 to 1,000 find it closed."""
    run = Run(requests=1_000, window=100, turns=(200, 300, 500, 600, 900), bins=(), drifts=0)
    assert run.open == pytest.approx(400 / 600)
    assert run.closed_after == 2


def test_a_row_shows_the_worst_cell() -> None:
    found = [Found(("a",), "here", 1.0, 0), Found(("a",), "there", 3.0, 0)]
    last = claim(["group"], Target(2.0, lambda value: f"{value:g}"), found).splitlines()[-1]
    assert last == "| a | 2 | ≤ 2 | 3 | there | **not reached** (1 of 2) |"


def test_every_claim_has_its_table(scale: Scale) -> None:
    tables = [watched.useless(scale), watched.useful(scale), watched.between(scale)]
    tables += [*swaps.stationary(scale), swaps.one_bin(scale)]
    tables += [fed.noise(scale), fed.readings(scale)]
    for table in tables:
        lines = table.splitlines()
        assert len(lines) > 2
        assert len({line.count(" | ") for line in lines}) == 1
        assert "not reached" not in table


def test_the_figure(scale: Scale, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="figures need the extra `plot`")
    assert figures.draw(scale, tmp_path).stat().st_size > 10_000
