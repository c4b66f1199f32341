"""Which batch former for a load: what ``multibin plan`` answers.

``Question`` says what is asked, ``candidates`` lists what could be run, ``search`` plays them on
``comparison``'s workload, first all on few requests, then the best on all; ``choose`` takes one and
``advice`` says why. ``report`` turns the answer into text and JSON, ``picture`` draws it.
"""

from __future__ import annotations

from multibin.planning.advice import advice
from multibin.planning.candidates import Candidate, candidates
from multibin.planning.choice import Answer, choose
from multibin.planning.measure import Outcome
from multibin.planning.question import Objective, Question
from multibin.planning.search import search

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
