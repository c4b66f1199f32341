"""The lab: simulation, theory, traces, planning and calibration.

``theory`` has the paper's closed forms. ``traces`` reads and draws workloads, and ``simulate``
plays them through the scheduler on a virtual clock.

On these stand five more. ``compare`` plays policies side by side, and ``plan`` chooses one for a
load. ``calibrate`` measures a cost table, and needs torch. ``fit_costs`` fits costs to the
benchmark of an engine. ``paper`` has the paper's numbers beside ours.

Each is imported on first use:

>>> import multibin as mb
>>> mb.lab.traces.chat(3, seed=0).output_tokens.shape
(3,)
"""

from __future__ import annotations

import importlib
from types import ModuleType

__all__ = ["calibrate", "compare", "fit_costs", "paper", "plan", "simulate", "theory", "traces"]


def __getattr__(name: str) -> ModuleType:
    if name not in __all__:
        raise AttributeError(f"module 'multibin.lab' has no attribute {name!r}")
    try:
        return importlib.import_module(f"multibin.lab.{name}")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"multibin.lab.{name} needs {error.name}: install multibin[llm]", name=error.name
        ) from error


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
