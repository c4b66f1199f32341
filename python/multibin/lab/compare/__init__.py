"""Compares policies on one workload: what ``multibin simulate`` and ``multibin demo`` print.

``Settings`` say what is played, ``draw_workload`` draws the requests, and ``fit`` fits the bins.
``compare`` plays the workload through every policy, and ``saturation`` searches the highest rate
that a policy sustains. ``describe``, ``table``, ``as_json`` and ``draw`` show the results.

The module ``engine`` runs the same policies with the real engine. It needs torch.
"""

from __future__ import annotations

from multibin.lab.compare._picture import draw
from multibin.lab.compare._play import Result, compare, play
from multibin.lab.compare._policies import ONE_BIN, POLICIES, Fit, Former, Policy, by_name, fit
from multibin.lab.compare._prefix_cache import (
    describe_prefix_cache,
    prefix_cache_as_json,
    with_hits,
)
from multibin.lab.compare._report import (
    as_json,
    describe,
    describe_costs,
    describe_predictions,
    predictions_of,
    table,
)
from multibin.lab.compare._settings import MIN_SEARCHED, UNLIMITED, Settings, default_overhead
from multibin.lab.compare._stability import is_steady, saturation
from multibin.lab.compare._workloads import (
    DRAWN,
    SAMPLE,
    SEARCHED,
    Workload,
    describe_arrivals,
    draw_workload,
    with_predictions,
)

__all__ = [
    "DRAWN",
    "MIN_SEARCHED",
    "ONE_BIN",
    "POLICIES",
    "SAMPLE",
    "SEARCHED",
    "UNLIMITED",
    "Fit",
    "Former",
    "Policy",
    "Result",
    "Settings",
    "Workload",
    "as_json",
    "by_name",
    "compare",
    "default_overhead",
    "describe",
    "describe_arrivals",
    "describe_costs",
    "describe_predictions",
    "describe_prefix_cache",
    "draw",
    "draw_workload",
    "fit",
    "is_steady",
    "play",
    "predictions_of",
    "prefix_cache_as_json",
    "saturation",
    "table",
    "with_hits",
    "with_predictions",
]
