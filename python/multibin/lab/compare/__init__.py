"""Policies side by side on one trace: what ``multibin simulate`` prints.

``Settings`` says what is played, ``workload`` makes the requests, ``compare`` plays them through
every policy, ``saturation`` searches the highest rate that each one bears. ``report`` turns results
into text and JSON, ``picture`` draws them.
"""

from __future__ import annotations

from multibin.lab.compare._play import Result, compare
from multibin.lab.compare._policies import POLICIES, Policy
from multibin.lab.compare._settings import Settings
from multibin.lab.compare._stability import is_steady, saturation
from multibin.lab.compare._workloads import Workload, workload

__all__ = [
    "POLICIES",
    "Policy",
    "Result",
    "Settings",
    "Workload",
    "compare",
    "is_steady",
    "saturation",
    "workload",
]
