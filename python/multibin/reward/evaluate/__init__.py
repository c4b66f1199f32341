"""How good scores of steps are: benchmarks of first errors and of steps, AUC, calibration.

``process_bench`` and ``prm_bench`` compute what ProcessBench and PRMBench report, from their files
or from rows; ``read_process_bench`` and ``read_prm_bench`` give the rows to score. ``first_error``
is the first step below a threshold, and ``best_threshold`` chooses one on a validation set.
``step_auc`` and ``calibration`` need no threshold.
"""

from __future__ import annotations

from multibin.reward.evaluate._first import best_threshold, first_error
from multibin.reward.evaluate._prm_bench import (
    PrmBench,
    PrmBenchRow,
    StepCounts,
    prm_bench,
    read_prm_bench,
)
from multibin.reward.evaluate._process_bench import (
    FirstErrors,
    ProcessBench,
    ProcessBenchRow,
    process_bench,
    read_process_bench,
)
from multibin.reward.evaluate._steps import Calibration, calibration, step_auc

__all__ = [
    "Calibration",
    "FirstErrors",
    "PrmBench",
    "PrmBenchRow",
    "ProcessBench",
    "ProcessBenchRow",
    "StepCounts",
    "best_threshold",
    "calibration",
    "first_error",
    "prm_bench",
    "process_bench",
    "read_prm_bench",
    "read_process_bench",
    "step_auc",
]
