"""Which batch former for a load: what ``multibin plan`` answers.

``Question`` says what is asked, ``candidates`` lists what could be run, ``search`` plays them on
``comparison``'s workload, first all on few requests, then the best on all; ``choose`` takes one and
``advice`` says why. ``report`` turns the answer into text and JSON, ``picture`` draws it.
"""

from __future__ import annotations

from multibin.lab.plan._advice import advice
from multibin.lab.plan._candidates import Candidate, candidates
from multibin.lab.plan._choice import Answer, choose
from multibin.lab.plan._measure import Outcome
from multibin.lab.plan._question import Objective, Question
from multibin.lab.plan._search import search

__all__ = [
    "Answer",
    "Candidate",
    "Objective",
    "Outcome",
    "Question",
    "advice",
    "candidates",
    "choose",
    "search",
]
