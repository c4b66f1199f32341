"""The gate: what bins gain with these predictions, and whether it is open."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import multibin as mb
from multibin.lab.traces import lengths, predictions

Ints = NDArray[np.int64]
WINDOW, EVERY = mb.Gate.WINDOW, mb.Gate.EVERY


def draw(n: int, seed: int) -> Ints:
    return lengths.exponential(n, 100, seed, high=2000)


def expected_max(actual: Ints, batch_size: int) -> float:
    """Returns E[longest of a batch] over all sets of different requests, equally likely."""
    n = len(actual)
    shorter = np.arange(n + 1, dtype=np.float64)
    shares = np.ones(n + 1)
    for row in range(batch_size):
        shares *= np.maximum(shorter - row, 0) / (n - row)
    return float(np.sort(actual) @ np.diff(shares))


def formula(predicted: Ints, actual: Ints, edges: mb.Edges, batch_size: int) -> float:
    bins = np.searchsorted(edges.bounds[1:-1], predicted, side="right")
    of_bins = [actual[bins == each] for each in np.unique(bins)]
    binned = sum(len(own) * expected_max(own, batch_size) for own in of_bins)
    return len(actual) * expected_max(actual, batch_size) / binned


@settings(max_examples=25, deadline=None)
@given(
    sigma=st.floats(0, 2),
    batch_size=st.integers(1, 16),
    bins=st.integers(1, 8),
    seed=st.integers(0, 2**31),
)
def test_the_gain_is_the_formulas_for_different_requests(
    sigma: float, batch_size: int, bins: int, seed: int
) -> None:
    actual = draw(WINDOW, seed)
    predicted = predictions.log_normal(actual, sigma, seed + 1)
    edges = mb.Edges.quantile(predicted, bins)
    gate = mb.Gate(edges, batch_size)
    gate.observe(predicted, actual)
    assert gate.window == WINDOW
    assert gate.gain == pytest.approx(formula(predicted, actual, edges, batch_size), rel=0.01)


DRAWS: dict[str, Callable[[int, int], Ints]] = {
    "log-normal": lambda n, seed: lengths.log_normal(n, 100, 1.0, seed),
    "uniform": lambda n, seed: lengths.uniform(n, 1, 1000, seed),
    "bimodal": lambda n, seed: lengths.bimodal(n, 20, 400, 0.3, seed),
}


@pytest.mark.parametrize("batch_size", [2, 8, 32, 128, 512])
@pytest.mark.parametrize("bins", [4, 16, 64])
@pytest.mark.parametrize("kind", DRAWS)
def test_predictions_that_tell_nothing_gain_nothing_and_true_ones_pay(
    batch_size: int, bins: int, kind: str
) -> None:
    drawn = DRAWS[kind]
    edges = mb.Edges.optimal(drawn(20_000, 0), bins, batch_size)
    useless, true = mb.Gate(edges, batch_size), mb.Gate(edges, batch_size)
    n = 2 * useless.window
    useless.observe(drawn(n, 1), drawn(n, 2))
    true.observe(*[drawn(n, 3)] * 2)
    assert useless.gain == pytest.approx(1.0, abs=0.05)
    assert (useless.is_open, true.is_open) == (False, True)


def test_a_gate_that_is_told_of_arrivals_knows_that_short_requests_finish_first() -> None:
    actual = draw(20_000, 0)
    edges = mb.Edges.optimal(actual, 16, 8)
    informed, uninformed = mb.Gate(edges, 8), mb.Gate(edges, 8)
    informed.arrive(actual)
    said = set()
    for part in np.split(np.sort(actual), 200):
        informed.observe(part, part)
        uninformed.observe(part, part)
        said.add((informed.is_open, uninformed.is_open))
    # Equal requests in bins of their own look like all requests.
    assert said == {(True, True), (True, False)}


def test_the_window_grows_with_bins_and_batches() -> None:
    windows = {(2, 2): 1000, (16, 32): 1024, (2, 512): 5120, (64, 32): 4096, (64, 1024): 32_768}
    edges = {bins: mb.Edges.uniform(0, 1000, bins) for bins, _ in windows}
    found = {(bins, size): mb.Gate(edges[bins], size).window for bins, size in windows}
    assert found == windows


def test_nothing_is_concluded_before_the_window_is_full_nor_between_its_looks() -> None:
    actual = draw(WINDOW + EVERY, 0)
    gate = mb.Gate(mb.Edges([0, 50, 100]), 8)
    gate.observe(actual[: WINDOW - 1], actual[: WINDOW - 1])
    assert (gate.is_open, gate.gain, repr(gate)) == (True, None, "Gate(is_open=True, gain=None)")
    gate.observe(int(actual[WINDOW - 1]), float(actual[WINDOW - 1]))
    first = gate.gain
    assert first is not None
    assert repr(gate) == f"Gate(is_open=True, gain={first:.3f})"
    gate.observe(actual[WINDOW:-1], actual[WINDOW:-1])
    assert gate.gain == first
    gate.observe(actual[-1:], actual[-1:])
    assert gate.gain not in (None, first)


def test_one_by_one_is_as_all_at_once() -> None:
    actual, predicted = draw(2500, 1), draw(2500, 2)
    edges = mb.Edges.optimal(actual, 16, 8)
    one_by_one, at_once = mb.Gate(edges, 8), mb.Gate(edges, 8)
    for pair in zip(predicted.tolist(), actual.tolist(), strict=True):
        one_by_one.observe(*pair)
    at_once.observe(predicted.astype(np.float32), actual.tolist())
    assert one_by_one.gain == at_once.gain is not None


@pytest.mark.parametrize("batch_size", [8, 32])
def test_it_closes_for_noise_within_2000_requests_and_opens_for_true_lengths(
    batch_size: int,
) -> None:
    gate = mb.Gate(mb.Edges.optimal(draw(20_000, 9), 16, batch_size), batch_size)
    true = draw(2000, 1)
    gate.observe(true, true)
    assert gate.is_open
    gate.observe(draw(1999, 2), draw(1999, 3))
    assert not gate.is_open
    gate.observe(true[:-1], true[:-1])
    assert gate.is_open


def test_between_its_bounds_it_stays_as_it_was() -> None:
    actual = np.concatenate([np.full(500, 100), np.full(500, 180)])
    right = np.where(actual == 100, 0, 1) * 100

    def window(wrong: int) -> tuple[Ints, Ints]:
        predicted = right.copy()
        predicted[:wrong] = 100
        return predicted, actual

    edges = mb.Edges([0, 50, 150])
    gains = {wrong: formula(*window(wrong), edges, 4) for wrong in (0, 200, 500)}
    assert gains[500] < mb.Gate.CLOSES_AT < gains[200] < mb.Gate.OPENS_AT < gains[0]
    gate, said, mixed = mb.Gate(edges, 4), [], np.random.default_rng(0)
    for wrong in (0, 200, 500, 200, 0, 200):
        for _ in range(20):
            order = mixed.permutation(1000)
            predicted, actual = window(wrong)
            gate.observe(predicted[order], actual[order])
        said.append(gate.is_open)
    assert said == [True, True, False, False, True, True]


@pytest.mark.parametrize(("predicted", "error"), [(-1, ValueError), ("5", TypeError)])
def test_bad_arrivals_are_named(predicted: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="predicted must be "):
        mb.Gate(mb.Edges([0, 10]), 2).arrive(predicted)


@pytest.mark.parametrize(
    ("predicted", "actual"),
    [
        (5, 7.5),
        (np.int64(5), np.float32(7)),
        (np.array(5), Fraction(15, 2)),
        ([5], 7),
        ([], []),
        (np.array([5, 6], np.uint8), (7, 8.5)),
    ],
)
def test_numbers_and_arrays_of_any_kind(predicted: Any, actual: Any) -> None:
    gate = mb.Gate(mb.Edges([0, 10]), 2)
    gate.observe(predicted, actual)
    assert gate.gain is None


@pytest.mark.parametrize(
    ("predicted", "actual", "error", "message"),
    [
        (-1, 5, ValueError, "predicted must be between 0 and 4294967295, got -1"),
        (5, float("nan"), ValueError, "actual must be between 0 and 4294967295, got nan"),
        (5, 2**32, ValueError, "actual must be between 0 and 4294967295, got 4294967296"),
        ([5, -1], [5, 5], ValueError, r"predicted\[1\] must be between 0 and 4294967295, got -1"),
        (
            [5, 5],
            [5, float("inf")],
            ValueError,
            r"actual\[1\] must be between 0 and 4294967295, got inf",
        ),
        (
            [1, 2, 3],
            [1, 2],
            ValueError,
            "actual must have one value for each of 3 predictions, got 2",
        ),
        (1, [1, 2], ValueError, "actual must have one value for each of 1 predictions, got 2"),
        ([[1]], [1], ValueError, r"predicted must have shape \[n\], got \(1, 1\)"),
        ("5", 5, TypeError, "predicted must be a number, got '5'"),
        (5, None, TypeError, "actual must be a number, got None"),
        (["5"], [5], TypeError, "predicted must have a dtype of numbers, got <U1"),
    ],
)
def test_bad_pairs_are_named_and_nothing_of_them_counts(
    predicted: Any, actual: Any, error: type[Exception], message: str
) -> None:
    gate = mb.Gate(mb.Edges([0, 10]), 2)
    gate.observe(np.full(WINDOW - 1, 5), np.full(WINDOW - 1, 5))
    with pytest.raises(error, match=message):
        gate.observe(predicted, actual)
    assert gate.gain is None
    gate.observe(5, 5)
    assert gate.gain == 1.0


@pytest.mark.parametrize(
    ("batch_size", "error", "message"),
    [
        (0, ValueError, "batch_size must be at least 1, got 0"),
        (-1, ValueError, "batch_size must be at least 1, got -1"),
        (2**32, ValueError, "batch_size must be at most 4294967295, got 4294967296"),
        (2.5, TypeError, "batch_size must be an int, got 2.5"),
    ],
)
def test_bad_batch_sizes_are_named(batch_size: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        mb.Gate(mb.Edges([0, 10]), batch_size)
