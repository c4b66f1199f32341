"""Reward models: scores of reasoning steps, and the choice among candidates by them.

`_formats` says what a model reads, `_load` finds the model and its head, `_scorer` runs it.
`choose` votes among candidates, `evaluate` measures scores, `train` trains. `RewardModel` and the
formats need torch and are imported on first use; `choose` and `evaluate` need numpy alone.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multibin.reward._formats import Encoded as Encoded
    from multibin.reward._formats import Format as Format
    from multibin.reward._formats import Mark as Mark
    from multibin.reward._model import RewardModel as RewardModel
    from multibin.reward._model import RewardStats as RewardStats

_LATER = {
    **dict.fromkeys(("RewardModel", "RewardStats"), "multibin.reward._model"),
    **dict.fromkeys(("Encoded", "Format", "Mark"), "multibin.reward._formats"),
}

__all__ = ["Encoded", "Format", "Mark", "RewardModel", "RewardStats"]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'multibin.reward' has no attribute {name!r}")
    return getattr(importlib.import_module(_LATER[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_LATER])
