"""Costs: how long a batch takes, by a linear model or by a table of measurements.

``CostLearner`` makes such a table from the batches that run. ``hardware`` computes the costs of
known models on known GPUs, and ``load_costs`` reads those of a file.
"""

from __future__ import annotations

from typing import TypeAlias

from multibin.costs._hardware import Hardware, hardware
from multibin.costs._learn import CostLearner
from multibin.costs._load import load_costs
from multibin.costs._model import CostModel
from multibin.costs._table import CostTable

__all__ = [
    "CostLearner",
    "CostModel",
    "CostTable",
    "Costs",
    "Hardware",
    "hardware",
    "load_costs",
]

Costs: TypeAlias = CostModel | CostTable
"""What ``multibin.simulate`` takes as ``costs``."""
