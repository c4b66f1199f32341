"""Bad arguments are named with their value, and the package stays light."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from multibin.lab import theory
from multibin.lab.theory import Distribution

EXPONENTIAL = Distribution.exponential(1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: theory.uniform_throughput([1, 0], 8, 1, 2), "bins: 0 is not"),
        (lambda: theory.uniform_throughput(2, 1.5, 1, 2), "batch_size: 1.5 is not a whole"),
        (lambda: theory.uniform_throughput(2, 8, -1, 2), "lo: -1 is not"),
        (lambda: theory.uniform_throughput(2, 8, 3, 2), "hi: 2 is not at least lo = 3"),
        (lambda: theory.uniform_throughput(2, 8, 0, np.inf), "hi: inf is not a finite"),
        (lambda: theory.uniform_throughput_with_errors(2, 8, 1, 2, [0.1, 0.6]), "pe: 0.6 is not"),
        (lambda: theory.uniform_bins_needed(0, 8, 1, 2), "epsilon: 0 is not"),
        (lambda: theory.uniform_latency(2, 8, 1, 2, np.nan), "rate: nan is not a number"),
        (lambda: theory.uniform_best_bins(8, 1, 2, -3), "rate: -3 is not"),
        (lambda: theory.expected_max([], 8), r"times: shape \(0,\)"),
        (lambda: theory.expected_max([[1, 2]], 8), r"times: shape \(1, 2\)"),
        (lambda: theory.expected_max([1, -2], 8), "times: -2 is not a finite number >= 0"),
        (lambda: theory.expected_max([1, np.inf], 8), "times: inf is not"),
        (lambda: theory.expected_max(["a"], 8), r"times: \['a'\] is not numeric"),
        (lambda: theory.expected_max([1, 2], 0), "batch_size: 0 is not"),
        (lambda: theory.ceiling([0, 0], 8), "times: mean: 0 is not"),
        (lambda: theory.throughput([0, 0], [0, 1], 8), "times: mean batch time: 0 is not"),
        (lambda: theory.throughput([1, 2], [0], 8), r"edges: shape \(1,\)"),
        (lambda: theory.throughput([1, 2], [0, 3, 3], 8), "edges: 3 is not above the bound"),
        (lambda: theory.throughput([1, 2], [-1, 3], 8), "edges: -1 is not"),
        (lambda: theory.throughput([1, 2], [0, np.inf, 3], 8), "edges: inf is not a finite"),
        (lambda: theory.per_bin([1, 2], [0, 3], 8, [1]), "predicted: 1 values are not one for"),
        (lambda: theory.per_bin([1], [0, 3], 8, [np.nan]), "predicted: nan is not"),
        (lambda: theory.per_bin(EXPONENTIAL, [0, 3], 8, [1]), "predicted: needs a sample"),
        (lambda: theory.latency([1, 2], [0, 3], 8, 0), "rate: 0 is not"),
        (lambda: theory.exponential_edges(0, 2, 8), "mean: 0 is not"),
        (lambda: theory.exponential_edges([1.0], 2, 8), "mean: .* is not one number"),  # type: ignore[arg-type]
        (lambda: theory.climbing_efficiency([1, 2], [0, 2], [1, 1]), "overhead: .* is not one"),  # type: ignore[arg-type]
        (lambda: theory.exponential_edges(1, 2, 1), "batch_size: 1 is not a whole number >= 2"),
        (lambda: theory.first_wait(1, 8, timer=0), "timer: 0 is not above 0"),
        (lambda: theory.full_probability(1, 8, np.nan), "timer: nan is not"),
        (lambda: theory.climbing_efficiency([1, 2], [0, 1, 1], 0), "levels: 1 is not above"),
        (lambda: theory.climbing_efficiency([1, 2], [0, 2], -1), "overhead: -1 is not"),
        (lambda: theory.climbing_efficiency([0, 0], [0, 2], 1), "times: the longest is 0"),
        (lambda: theory.climbing_efficiency(EXPONENTIAL, [0, 2], 1), "times: the longest is inf"),
        (lambda: Distribution(lambda x: x / 2, 0, 1), "survival: .* is not at most the value"),
        (lambda: Distribution(lambda x: x + 2, 0, 1), "survival: 2 is not a probability"),
        (lambda: Distribution(lambda x: x, 2, 1), "hi: 1 is not above lo = 2"),
        (lambda: Distribution.uniform(1, np.inf), "hi: inf is not"),
        (lambda: Distribution.exponential(-1), "mean: -1 is not"),
        (lambda: Distribution.quantiles([1, 1]), "values: 1 is not above"),
        (lambda: Distribution.quantiles([1]), r"values: shape \(1,\)"),
        (lambda: EXPONENTIAL.quantile(1.5), "p: 1.5 is not a probability"),
        (lambda: EXPONENTIAL.expected_max(8, 3, 3), r"times: none lie in \[3, 3\)"),
    ],
)
def test_a_bad_argument_is_named_with_its_value(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_neither_torch_nor_scipy_is_imported() -> None:
    loaded = "{'torch', 'scipy'} & set(sys.modules)"
    code = f"import sys, multibin.lab.theory; assert not {loaded}, {loaded}"
    subprocess.run([sys.executable, "-c", code], check=True)
