"""How long a batch takes: coefficients, or measurements."""

from __future__ import annotations

from typing import TypeAlias

from multibin.service.model import ServiceModel
from multibin.service.table import ServiceTable

__all__ = ["Service", "ServiceModel", "ServiceTable"]

Service: TypeAlias = ServiceModel | ServiceTable
