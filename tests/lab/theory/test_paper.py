"""The paper's numbers that need neither a simulation nor a GPU, to the digits printed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import multibin as mb
from multibin.lab import theory
from multibin.lab.theory import Distribution

TRACE = Path(__file__).parents[3] / "../shared/data/azure_llm_2023_conv.csv"

GSM8K_LENGTHS = Distribution.quantiles(
    np.fromstring(
        "34 87 102 113 122 129 136 142 147 153 158 164 169 174 179 184 190 195 201 205 212 218 224 "
        "231 238 245 253 262 271 280 290 300 313 328 343 360 382 407 437 488 579",
        sep=" ",
    )
)
"""Output tokens of GSM8K answers, read from the points of Fig. 5: quantiles at 0, 2.5 … 100 %."""

SECONDS_PER_TOKEN = 0.00702
"""What the absolute rates of Fig. 6 need; Fig. 5's 0.0366 is a slip."""

U = {"batch_size": 128, "lo": 1, "hi": 20}
UNIFORM = Distribution.uniform(1, 20)
EXPONENTIAL = Distribution.exponential(mean=10)


def equal_mass(times: Distribution, bins: int) -> NDArray[np.float64]:
    return times.quantile(np.linspace(0, 1, bins + 1))


def test_theorem_4_2_and_the_ceiling() -> None:
    paper = [6.447, 8.434, 9.400, 9.970, 10.347]
    assert theory.uniform_throughput(range(1, 6), **U) == pytest.approx(paper, abs=5e-4)
    general = [theory.throughput(UNIFORM, equal_mass(UNIFORM, k), 128) for k in range(1, 6)]
    assert general == pytest.approx(paper, abs=5e-4)
    assert theory.ceiling(UNIFORM, 128) == pytest.approx(12.19, abs=5e-3)


def test_theorem_4_3() -> None:
    epsilon = theory.ceiling(UNIFORM, 128) * np.array([0.25, 0.20, 0.15, 0.10, 0.05, 0.01])
    assert theory.uniform_bins_needed(epsilon, **U).tolist() == [3, 4, 6, 9, 17, 89]


def test_equation_7() -> None:
    paper = [35.73, 46.93, 61.24]
    assert theory.uniform_latency([1, 2, 3], **U, rate=4) == pytest.approx(paper, abs=5e-3)
    general = [theory.latency(UNIFORM, equal_mass(UNIFORM, k), 128, 4) for k in (1, 2, 3)]
    assert general == pytest.approx(paper, abs=5e-3)


@pytest.mark.parametrize(
    ("bins", "paper"),
    [
        (2, [8.434, 6.658, 6.534, 6.474, 6.447]),
        (4, [9.970, 8.062, 7.925, 7.859, 7.822]),
        (8, [10.97, 9.523, 9.410, 9.355, 9.323]),
    ],
)
def test_prediction_errors_of_figure_8(bins: int, paper: list[float]) -> None:
    ours = theory.uniform_throughput_with_errors(bins, **U, pe=[0, 0.05, 0.1, 0.2, 0.5])
    digits = [2e-3 if value == 10.97 else 5.1e-4 for value in paper]  # 6.4745007 is printed 6.474.
    assert (np.abs(ours - paper) < digits).all()


def test_lemma_a_1_for_exponential_times() -> None:
    edges = [theory.exponential_edges(10, k, 200) for k in range(1, 6)]
    ours = [theory.throughput(EXPONENTIAL, bounds, 200) for bounds in edges]
    assert ours == pytest.approx([3.402, 7.269, 9.967, 11.807, 13.109], abs=5.1e-4)
    quantile = [
        theory.throughput(EXPONENTIAL, equal_mass(EXPONENTIAL, k), 200) for k in range(2, 6)
    ]
    assert quantile == pytest.approx([5.51, 7.08, 8.31, 9.31], abs=5e-3)


def test_figure_6_in_closed_form() -> None:
    bins = [1, 2, 4, 8, 16, 32]
    one, *more = (theory.throughput(GSM8K_LENGTHS, equal_mass(GSM8K_LENGTHS, k), 8) for k in bins)
    assert 8 * one / SECONDS_PER_TOKEN == pytest.approx(22.7, rel=0.005), "8 servers"
    gains = np.array(more) / one
    assert gains == pytest.approx([1.230, 1.419, 1.551, 1.632, 1.677], abs=1e-3)
    assert gains == pytest.approx([1.21, 1.41, 1.55, 1.67, 1.75], rel=0.05), "as plotted"
    assert theory.ceiling(GSM8K_LENGTHS, 8) / one == pytest.approx(1.72, abs=0.01)


def test_optimal_edges_on_a_real_trace() -> None:
    if not TRACE.exists():
        pytest.skip(f"needs the chat trace at {TRACE.resolve()}")
    lengths = np.loadtxt(TRACE, dtype=np.int64, delimiter=",", skiprows=1, usecols=2)
    ceiling = theory.ceiling(lengths, 128)

    def fraction(edges: mb.Edges) -> float:
        return theory.throughput(lengths, edges, 128) / ceiling

    bins = (2, 4, 8, 16, 32)
    assert fraction(mb.Edges.quantile(lengths, 1)) == pytest.approx(0.30, abs=5e-3)
    equal = [fraction(mb.Edges.quantile(lengths, k)) for k in bins]
    assert equal == pytest.approx([0.46, 0.57, 0.73, 0.83, 0.92], abs=0.01)
    optimal = [fraction(mb.Edges.optimal(lengths, k, 128, None)) for k in bins]
    assert optimal == pytest.approx([0.495, 0.764, 0.883, 0.943, 0.974], abs=5.1e-4)
