"""How long a batch takes: coefficients, or measurements."""

from __future__ import annotations

from typing import TypeAlias

from multibin.costs._model import CostModel
from multibin.costs._table import CostTable

__all__ = ["CostModel", "CostTable", "Costs"]

Costs: TypeAlias = CostModel | CostTable
