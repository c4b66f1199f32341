"""Length-binned batching: batches whose members finish together.

The scheduler, the simulator and the costs need numpy alone. Every name is imported on first use, so
that ``import multibin`` is quick.
"""

from __future__ import annotations

import atexit
import importlib
import sys

from multibin import _moved

# The module typing would be a third of the import.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from multibin._core import (
        Adapt,
        Baseline,
        Batch,
        Edges,
        Gate,
        Recording,
        Scheduler,
        SchedulerConfig,
        Worker,
    )
    from multibin.batcher import Batcher as Batcher
    from multibin.batcher import Future as Future
    from multibin.batcher import Unfinished as Unfinished
    from multibin.batcher import batch as batch
    from multibin.costs import CostModel, CostTable
    from multibin.errors import (
        BatchError,
        ClosedError,
        ExpiredError,
        FullError,
        GenerationError,
        MultibinError,
        WorkerError,
        WorkerTimeoutError,
    )
    from multibin.lab.simulate import Records, simulate
    from multibin.llm import LLM as LLM
    from multibin.llm import AsyncLLM as AsyncLLM
    from multibin.llm import CompletionOutput as CompletionOutput
    from multibin.llm import RequestOutput as RequestOutput
    from multibin.llm import SamplingParams as SamplingParams
    from multibin.reward import RewardModel as RewardModel

__all__ = [
    "Adapt",
    "Baseline",
    "Batch",
    "BatchError",
    "ClosedError",
    "CostModel",
    "CostTable",
    "Edges",
    "ExpiredError",
    "FullError",
    "Gate",
    "GenerationError",
    "MultibinError",
    "Recording",
    "Records",
    "Scheduler",
    "SchedulerConfig",
    "Worker",
    "WorkerError",
    "WorkerTimeoutError",
    "simulate",
]

_CORE = (
    *("Adapt", "Baseline", "Batch", "Edges", "Gate"),
    *("Recording", "Scheduler", "SchedulerConfig", "Worker"),
)
_ENGINE = ("LLM", "AsyncLLM", "CompletionOutput", "RequestOutput", "SamplingParams")

_HOMES = {
    **dict.fromkeys(__all__, "multibin.errors"),
    **dict.fromkeys(_CORE, "multibin._core"),
    **dict.fromkeys(("CostModel", "CostTable"), "multibin.costs"),
    **dict.fromkeys(("Records", "simulate"), "multibin.lab.simulate"),
    # Not in __all__, so that `from multibin import *` needs no torch and no asyncio.
    **dict.fromkeys(("Batcher", "Future", "Unfinished", "batch"), "multibin.batcher"),
    **dict.fromkeys(_ENGINE, "multibin.llm"),
    "RewardModel": "multibin.reward",
}
_MODULES = ("_core", "batcher", "costs", "errors", "lab", "llm", "reward", "stats")
"""Modules that ``multibin.name`` finds without an import of their own."""


_moved.install()


def _flush_recordings() -> None:
    core = sys.modules.get("multibin._core")
    if core is not None:
        core.flush_recordings()


# Here, as the last that is registered is called first: what is imported later ends before.
atexit.register(_flush_recordings)


def __getattr__(name: str) -> Any:
    if name not in _HOMES and name not in _MODULES:
        message = _moved.hint(name) or f"module 'multibin' has no attribute {name!r}"
        raise AttributeError(message)
    try:
        if name in _MODULES:
            return importlib.import_module(f"multibin.{name}")
        found = getattr(importlib.import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"multibin.{name} needs {error.name}: install multibin[llm]", name=error.name
        ) from error
    # The next use finds it without this function.
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, *_MODULES})
