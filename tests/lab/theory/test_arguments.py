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
        (
            lambda: theory.uniform_throughput([1, 0], 8, 1, 2),
            r"bins\[1\] must be at least 1, got 0",
        ),
        (
            lambda: theory.uniform_throughput(2, 1.5, 1, 2),
            "batch_size must be a whole number, got 1.5",
        ),
        (
            lambda: theory.uniform_throughput(2, 8, -1, 2),
            "lo must be finite and at least 0, got -1",
        ),
        (lambda: theory.uniform_throughput(2, 8, 3, 2), "hi must be at least lo = 3, got 2"),
        (
            lambda: theory.uniform_throughput(2, 8, 0, np.inf),
            "hi must be finite and above 0, got inf",
        ),
        (
            lambda: theory.uniform_throughput_with_errors(2, 8, 1, 2, [0.1, 0.6]),
            r"pe\[1\] must be between 0 and 0.5, got 0.6",
        ),
        (
            lambda: theory.uniform_bins_needed(0, 8, 1, 2),
            "epsilon must be finite and above 0, got 0",
        ),
        (lambda: theory.uniform_latency(2, 8, 1, 2, np.nan), "rate must be a number, got nan"),
        (lambda: theory.uniform_best_bins(8, 1, 2, -3), "rate must be finite and above 0, got -3"),
        (
            lambda: theory.expected_max([], 8),
            r"times must have shape \[n\] with n >= 1, got \(0,\)",
        ),
        (
            lambda: theory.expected_max([[1, 2]], 8),
            r"times must have shape \[n\] with n >= 1, got \(1, 2\)",
        ),
        (
            lambda: theory.expected_max([1, -2], 8),
            r"times\[1\] must be finite and at least 0, got -2",
        ),
        (
            lambda: theory.expected_max([1, np.inf], 8),
            r"times\[1\] must be finite and at least 0, got inf",
        ),
        (lambda: theory.expected_max(["a"], 8), r"times must be numeric, got \['a'\]"),
        (
            lambda: theory.expected_max([1, 2], 0),
            "batch_size must be at least 1, got 0",
        ),
        (lambda: theory.ceiling([0, 0], 8), "the mean of times must be finite and above 0, got 0"),
        (
            lambda: theory.throughput([0, 0], [0, 1], 8),
            "the mean batch time must be finite and above 0, got 0",
        ),
        (
            lambda: theory.throughput([1, 2], [0], 8),
            r"edges must have shape \[k \+ 1\] with k >= 1, got \(1,\)",
        ),
        (
            lambda: theory.throughput([1, 2], [0, 3, 3], 8),
            r"edges\[2\] must be above the bound before it, got 3",
        ),
        (
            lambda: theory.throughput([1, 2], [-1, 3], 8),
            r"edges\[0\] must be finite and at least 0, got -1",
        ),
        (
            lambda: theory.throughput([1, 2], [0, np.inf, 3], 8),
            r"edges\[1\] must be finite and at least 0, got inf",
        ),
        (
            lambda: theory.per_bin([1, 2], [0, 3], 8, [1]),
            "predicted must be as long as times, 2 values, got 1",
        ),
        (
            lambda: theory.per_bin([1], [0, 3], 8, [np.nan]),
            r"predicted\[0\] must be a number, got nan",
        ),
        (
            lambda: theory.per_bin(EXPONENTIAL, [0, 3], 8, [1]),
            r"predicted must be left out with a Distribution, got \[1\]",
        ),
        (lambda: theory.latency([1, 2], [0, 3], 8, 0), "rate must be finite and above 0, got 0"),
        (lambda: theory.exponential_edges(0, 2, 8), "mean must be finite and above 0, got 0"),
        (lambda: theory.exponential_edges([1.0], 2, 8), "mean must be one number, got array"),  # type: ignore[arg-type]
        (
            lambda: theory.climbing_efficiency([1, 2], [0, 2], [1, 1]),  # type: ignore[arg-type]
            "overhead must be one number, got array",
        ),
        (lambda: theory.exponential_edges(1, 2, 1), "batch_size must be at least 2, got 1"),
        (lambda: theory.first_wait(1, 8, timer=0), "timer must be above 0, got 0"),
        (lambda: theory.full_probability(1, 8, np.nan), "timer must be a number, got nan"),
        (
            lambda: theory.climbing_efficiency([1, 2], [0, 1, 1], 0),
            r"levels\[2\] must be above the bound before it, got 1",
        ),
        (
            lambda: theory.climbing_efficiency([1, 2], [0, 2], -1),
            "overhead must be finite and at least 0, got -1",
        ),
        (
            lambda: theory.climbing_efficiency([0, 0], [0, 2], 1),
            "the longest of times must be finite and above 0, got 0",
        ),
        (
            lambda: theory.climbing_efficiency(EXPONENTIAL, [0, 2], 1),
            "the longest of times must be finite and above 0, got inf",
        ),
        (
            lambda: Distribution(lambda x: x / 2, 0, 1),
            "survival must be at most the value before it, got ",
        ),
        (lambda: Distribution(lambda x: x + 2, 0, 1), "survival must be between 0 and 1, got 2"),
        (lambda: Distribution(lambda x: x, 2, 1), "hi must be above lo = 2, got 1"),
        (lambda: Distribution.uniform(1, np.inf), "hi must be finite and above 0, got inf"),
        (lambda: Distribution.exponential(-1), "mean must be finite and above 0, got -1"),
        (
            lambda: Distribution.quantiles([1, 1]),
            r"values\[1\] must be above the quantile before it, got 1",
        ),
        (
            lambda: Distribution.quantiles([1]),
            r"values must have shape \[n\] with n >= 2, got \(1,\)",
        ),
        (lambda: EXPONENTIAL.quantile(1.5), "p must be between 0 and 1, got 1.5"),
        (lambda: EXPONENTIAL.expected_max(8, 3, 3), r"no times lie in \[3, 3\)"),
    ],
)
def test_a_bad_argument_is_named_with_its_value(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_neither_torch_nor_scipy_is_imported() -> None:
    loaded = "{'torch', 'scipy'} & set(sys.modules)"
    code = f"import sys, multibin.lab.theory; assert not {loaded}, {loaded}"
    subprocess.run([sys.executable, "-c", code], check=True)
