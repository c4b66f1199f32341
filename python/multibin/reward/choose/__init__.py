"""Choosing among candidates: one score of their steps, votes, and accuracy against their number.

``aggregate`` makes a candidate's score of the scores of its steps, and ``answers`` finds what the
candidates answer. ``majority_vote``, ``weighted_majority_vote`` and ``best_of_n`` return a
``Choice``; ``decided`` says when a vote cannot change any more.

``accuracy_curve`` measures a way to choose on many a ``Problem``, and ``compare`` the difference of
two ways. ``curve_table`` and ``plot_curves`` show the curves.
"""

from __future__ import annotations

from multibin.reward.choose._aggregate import AGGREGATES, aggregate
from multibin.reward.choose._answers import answers, clean_answer, extract_answer
from multibin.reward.choose._curve import (
    Curve,
    Difference,
    accuracy_curve,
    compare,
    curve_table,
)
from multibin.reward.choose._methods import METHODS
from multibin.reward.choose._picture import plot_curves
from multibin.reward.choose._problem import Problem
from multibin.reward.choose._vote import (
    Choice,
    best_of_n,
    decided,
    majority_vote,
    weighted_majority_vote,
)

__all__ = [
    "AGGREGATES",
    "METHODS",
    "Choice",
    "Curve",
    "Difference",
    "Problem",
    "accuracy_curve",
    "aggregate",
    "answers",
    "best_of_n",
    "clean_answer",
    "compare",
    "curve_table",
    "decided",
    "extract_answer",
    "majority_vote",
    "plot_curves",
    "weighted_majority_vote",
]
