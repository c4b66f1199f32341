"""Chooses the batch former for a load: what ``multibin plan`` prints.

A ``Question`` says what is asked, and ``candidates`` lists what could run. ``search`` plays the
candidates on the workload of ``multibin.lab.compare``: first all on few requests, then the best on
all. ``choose`` takes one and returns a ``Plan``. ``advice`` gives the reason; ``describe``,
``as_json`` and ``draw`` show the plan.
"""

from __future__ import annotations

from multibin.lab.plan._advice import advice
from multibin.lab.plan._candidates import Candidate, candidates
from multibin.lab.plan._choice import Plan, choose
from multibin.lab.plan._measure import Outcome
from multibin.lab.plan._picture import draw
from multibin.lab.plan._question import Objective, Question
from multibin.lab.plan._report import as_json, describe
from multibin.lab.plan._search import search

__all__ = [
    "Candidate",
    "Objective",
    "Outcome",
    "Plan",
    "Question",
    "advice",
    "as_json",
    "candidates",
    "choose",
    "describe",
    "draw",
    "search",
]
