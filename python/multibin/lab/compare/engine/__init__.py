"""Runs policies with the real engine: what ``multibin demo`` prints. It needs torch.

``ChatSettings`` name a model that answers the built-in prompts, and ``compare_chat`` runs it.
``EngineSettings`` say which requests are drawn, and ``compare_engine`` runs those. ``describe``,
``table`` and ``draw`` show what came of it.
"""

from __future__ import annotations

from multibin.lab.compare.engine._chat import compare_chat
from multibin.lab.compare.engine._picture import draw
from multibin.lab.compare.engine._policies import POLICIES, EnginePolicy, Fit
from multibin.lab.compare.engine._report import describe, table
from multibin.lab.compare.engine._result import EngineComparison, EngineResult, EngineRun
from multibin.lab.compare.engine._run import compare_engine
from multibin.lab.compare.engine._settings import ChatSettings, EngineSettings

__all__ = [
    "POLICIES",
    "ChatSettings",
    "EngineComparison",
    "EnginePolicy",
    "EngineResult",
    "EngineRun",
    "EngineSettings",
    "Fit",
    "compare_chat",
    "compare_engine",
    "describe",
    "draw",
    "table",
]
