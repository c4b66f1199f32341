"""Chooses the batch former for a load: what ``multibin plan`` prints.

A ``Question`` says what is asked, and ``load`` makes the requests of a trace that are played. The
``candidates`` are what could run. ``search`` plays them: first all on few requests, then the best
on all. ``choose`` plays the best of each policy on other stretches of the load, takes one and
returns a ``Plan``. Its figures are ``Estimate`` objects, with the interval of another stretch.
``advice`` gives the reason; ``describe``, ``as_json`` and ``draw`` show the plan, and ``check``
compares it with another trace.
"""

from __future__ import annotations

from multibin.lab.plan._advice import advice
from multibin.lab.plan._candidates import Candidate, candidates
from multibin.lab.plan._check import Check, check, check_as_json, describe_check
from multibin.lab.plan._choice import Plan, choose
from multibin.lab.plan._drift import Difference, differences
from multibin.lab.plan._estimate import Estimate, estimate, ratio
from multibin.lab.plan._figures import Figures
from multibin.lab.plan._json import as_json
from multibin.lab.plan._load import Load, as_predicted, load, own_rate, within_context
from multibin.lab.plan._measure import Outcome
from multibin.lab.plan._picture import draw
from multibin.lab.plan._question import Objective, Question
from multibin.lab.plan._report import describe
from multibin.lab.plan._search import search

__all__ = [
    "Candidate",
    "Check",
    "Difference",
    "Estimate",
    "Figures",
    "Load",
    "Objective",
    "Outcome",
    "Plan",
    "Question",
    "advice",
    "as_json",
    "as_predicted",
    "candidates",
    "check",
    "check_as_json",
    "choose",
    "describe",
    "describe_check",
    "differences",
    "draw",
    "estimate",
    "load",
    "own_rate",
    "ratio",
    "search",
    "within_context",
]
