"""Closed forms of Multi-Bin Batching (Guldogan, Kunde, Lee, Pedarsani, arXiv 2412.04504).

The model: requests arrive as a Poisson process. Their service times are independent, and a batch
takes as long as its longest member. A batch is B requests of one bin, of k half-open bins.

``uniform_…`` are the paper's formulas for uniform service times, which broadcast over every
argument. ``throughput``, ``latency`` and the like take any service times, as a sample or as a
``Distribution``. ``first_wait`` and ``full_probability`` say how long a batch takes to fill, and
``climbing_efficiency`` what bins without predictions cost.

Units: times and edges share one unit that the caller chooses, seconds or steps. Rates are requests
per that unit.

Slips in the printed paper are corrected here. Eqs. 8, 10 and 11 swap coefficients: they print the
expected minimum. The ceiling of Fig. 3 is 12.19, not 12.3. In Eq. 60 ``L_{k−i−1}`` should be
``L_{k−i} − 1``. The absolute rates of Fig. 6 need 0.00702 s per token, not the 0.0366 of Fig. 5.
Results marked *derived* are not printed in the paper.
"""

from __future__ import annotations

from multibin.lab.theory._bins import (
    PerBin,
    ceiling,
    expected_max,
    exponential_edges,
    latency,
    per_bin,
    throughput,
)
from multibin.lab.theory._climbing import climbing_efficiency
from multibin.lab.theory._distribution import Distribution
from multibin.lab.theory._uniform import (
    uniform_best_bins,
    uniform_bins_needed,
    uniform_latency,
    uniform_throughput,
    uniform_throughput_with_errors,
)
from multibin.lab.theory._waiting import first_wait, full_probability

__all__ = [
    "Distribution",
    "PerBin",
    "ceiling",
    "climbing_efficiency",
    "expected_max",
    "exponential_edges",
    "first_wait",
    "full_probability",
    "latency",
    "per_bin",
    "throughput",
    "uniform_best_bins",
    "uniform_bins_needed",
    "uniform_latency",
    "uniform_throughput",
    "uniform_throughput_with_errors",
]
