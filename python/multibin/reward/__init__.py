"""Reward models: scores of reasoning steps, and the choice among candidates by them.

`_formats` says what a model reads, `_load` finds the model and its head, `_scorer` runs it.
`choose` votes among candidates, `evaluate` measures scores, `train` trains, `formats` has the
formats by family. All names are imported on first use: `choose` and `evaluate` need numpy alone,
the others torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multibin.reward import choose as choose
    from multibin.reward import evaluate as evaluate
    from multibin.reward import formats as formats
    from multibin.reward import train as train
    from multibin.reward._formats import Encoded as Encoded
    from multibin.reward._formats import Format as Format
    from multibin.reward._formats import Mark as Mark
    from multibin.reward._model import RewardModel as RewardModel
    from multibin.reward._model import RewardStats as RewardStats
    from multibin.reward._trl import reward_function as reward_function
    from multibin.reward.choose import Choice as Choice
    from multibin.reward.choose import aggregate as aggregate
    from multibin.reward.choose import best_of_n as best_of_n
    from multibin.reward.choose import majority_vote as majority_vote
    from multibin.reward.choose import weighted_majority_vote as weighted_majority_vote
    from multibin.reward.evaluate import prm_bench as prm_bench
    from multibin.reward.evaluate import process_bench as process_bench
    from multibin.reward.evaluate import step_auc as step_auc

_MODULES = ("choose", "evaluate", "formats", "train")

_NAMES = {
    "_formats": ("Encoded", "Format", "Mark"),
    "_model": ("RewardModel", "RewardStats"),
    "_trl": ("reward_function",),
    "choose": ("Choice", "aggregate", "best_of_n", "majority_vote", "weighted_majority_vote"),
    "evaluate": ("prm_bench", "process_bench", "step_auc"),
}

_LATER = {name: module for module, names in _NAMES.items() for name in names}

__all__ = [
    "Choice",
    "Encoded",
    "Format",
    "Mark",
    "RewardModel",
    "RewardStats",
    "aggregate",
    "best_of_n",
    "choose",
    "evaluate",
    "formats",
    "majority_vote",
    "prm_bench",
    "process_bench",
    "reward_function",
    "step_auc",
    "train",
    "weighted_majority_vote",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"multibin.reward.{name}")
    if name not in _LATER:
        raise AttributeError(f"module 'multibin.reward' has no attribute {name!r}")
    return getattr(importlib.import_module(f"multibin.reward.{_LATER[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES, *_LATER})
