"""Fits costs to a benchmark of an engine, and checks predictions against one. It needs numpy alone.

``fit_benchmark`` fits a ``CostModel``, so that a simulation of continuous batching repeats the
times that the benchmark measured. ``check`` compares any costs with a benchmark: predicted beside
measured. ``describe`` and ``as_json`` show both.
"""

from __future__ import annotations

from multibin.lab.fit_costs._check import Check, Figure, check
from multibin.lab.fit_costs._fit import FittedCosts, fit_benchmark
from multibin.lab.fit_costs._report import as_json, describe

__all__ = ["Check", "Figure", "FittedCosts", "as_json", "check", "describe", "fit_benchmark"]
