"""Runs four policies with the real engine: what ``multibin demo`` prints. It needs torch.

``EngineSettings`` say what runs, and ``compare_engine`` runs it. ``describe``, ``table`` and
``draw`` show what came of it. Policies, bins and workload are those of ``multibin.lab.compare``.
"""

from __future__ import annotations

from multibin.lab.compare.engine._picture import draw
from multibin.lab.compare.engine._report import describe, table
from multibin.lab.compare.engine._result import EngineComparison, EngineResult, EngineRun
from multibin.lab.compare.engine._run import compare_engine
from multibin.lab.compare.engine._settings import EngineSettings

__all__ = [
    "EngineComparison",
    "EngineResult",
    "EngineRun",
    "EngineSettings",
    "compare_engine",
    "describe",
    "draw",
    "table",
]
