"""Length-binned batching: batches whose members finish together.

The scheduler is here; the engine (``LLM``, ``SamplingParams``) is imported on first use, so that
``import multibin`` stays light and needs numpy alone.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from multibin import _moved
from multibin._core import (
    Adapt,
    Baseline,
    Batch,
    Edges,
    Gate,
    Scheduler,
    SchedulerConfig,
    Worker,
)
from multibin.costs import CostModel, CostTable
from multibin.errors import ClosedError, FullError, MultibinError
from multibin.lab.simulate import Records, simulate

if TYPE_CHECKING:
    from multibin.llm import LLM as LLM
    from multibin.llm import CompletionOutput as CompletionOutput
    from multibin.llm import RequestOutput as RequestOutput
    from multibin.llm import SamplingParams as SamplingParams

__all__ = [
    "Adapt",
    "Baseline",
    "Batch",
    "ClosedError",
    "CostModel",
    "CostTable",
    "Edges",
    "FullError",
    "Gate",
    "MultibinError",
    "Records",
    "Scheduler",
    "SchedulerConfig",
    "Worker",
    "simulate",
]

# Not in __all__, so that `from multibin import *` needs no torch.
_ENGINE = ("LLM", "CompletionOutput", "RequestOutput", "SamplingParams")


_moved.install()


def __getattr__(name: str) -> Any:
    if name not in _ENGINE:
        message = _moved.hint(name) or f"module 'multibin' has no attribute {name!r}"
        raise AttributeError(message)
    try:
        return getattr(importlib.import_module("multibin.llm"), name)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"multibin.{name} needs {error.name}: install multibin[llm]", name=error.name
        ) from error


def __dir__() -> list[str]:
    return sorted([*globals(), *_ENGINE])
