"""Length-binned batching: batches whose members finish together.

The scheduler is here; the engine (``LLM``, ``SamplingParams``) is imported on first use, so that
``import multibin`` stays light and needs numpy alone.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from multibin._core import Batch, Edges, Scheduler, Worker
from multibin.errors import ClosedError, FullError, MultibinError

if TYPE_CHECKING:
    from multibin.llm import LLM, CompletionOutput, RequestOutput, SamplingParams

__all__ = [
    "LLM",
    "Batch",
    "ClosedError",
    "CompletionOutput",
    "Edges",
    "FullError",
    "MultibinError",
    "RequestOutput",
    "SamplingParams",
    "Scheduler",
    "Worker",
]

_ENGINE = {"LLM", "CompletionOutput", "RequestOutput", "SamplingParams"}


def __getattr__(name: str) -> Any:
    if name in _ENGINE:
        return getattr(importlib.import_module("multibin.llm"), name)
    raise AttributeError(f"module 'multibin' has no attribute {name!r}")
