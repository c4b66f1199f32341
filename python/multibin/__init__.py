"""Length-binned batching: batches whose members finish together.

The scheduler is here. The batcher (``batch``, ``Batcher``) and the engine (``LLM``,
``SamplingParams``) are imported on first use, so that ``import multibin`` stays light and needs
numpy alone.
"""

from __future__ import annotations

import atexit
import importlib
from typing import TYPE_CHECKING, Any

from multibin import _moved
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
    flush_recordings,
)
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

if TYPE_CHECKING:
    from multibin.batcher import Batcher as Batcher
    from multibin.batcher import Future as Future
    from multibin.batcher import Unfinished as Unfinished
    from multibin.batcher import batch as batch
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

# Not in __all__, so that `from multibin import *` needs no torch and no asyncio.
_LATER = {
    **dict.fromkeys(("Batcher", "Future", "Unfinished", "batch"), "multibin.batcher"),
    **dict.fromkeys(
        ("LLM", "AsyncLLM", "CompletionOutput", "RequestOutput", "SamplingParams"), "multibin.llm"
    ),
    "RewardModel": "multibin.reward",
}


_moved.install()

# Here, as the last that is registered is called first: what is imported later ends before.
atexit.register(flush_recordings)


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        message = _moved.hint(name) or f"module 'multibin' has no attribute {name!r}"
        raise AttributeError(message)
    try:
        return getattr(importlib.import_module(_LATER[name]), name)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"multibin.{name} needs {error.name}: install multibin[llm]", name=error.name
        ) from error


def __dir__() -> list[str]:
    return sorted([*globals(), *_LATER])
