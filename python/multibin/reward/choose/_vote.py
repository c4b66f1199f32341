"""Chooses among the candidates of one question."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from multibin import _args
from multibin._args import Floats
from multibin.reward.choose._answers import hashable

__all__ = ["Choice", "best_of_n", "decided", "majority_vote", "weighted_majority_vote"]

TOLERANCE = 1e-12
"""Two sums of weights tie if they differ by at most this share of the sum of all weights: rounding
in another order of the candidates is no difference."""


@dataclass(frozen=True)
class Choice:
    """The answer that was chosen, and what it was chosen by.

    >>> from multibin.reward.choose import majority_vote
    >>> majority_vote(["4", "5", "4"])
    Choice(answer='4', index=0, weights={'4': 2.0, '5': 1.0}, tied=('4',))
    """

    answer: Hashable | None
    """None if no candidate has an answer."""
    index: int
    """The candidate that stands for the answer, counted from 0."""
    weights: dict[Hashable, float]
    """What counts for each answer, in the order in which they appear."""
    tied: tuple[Hashable, ...]
    """The answers with the highest weight; the first won."""


def majority_vote(answers: Sequence[Hashable | None]) -> Choice:
    """Returns the answer that most candidates have; of tied ones, the one that appears first.

    A None is a candidate without an answer: it has no vote. ``index`` is the answer's first
    candidate. Self-consistency, arXiv 2203.11171.

    Raises:
        TypeError: ``answers`` is a string, or an answer cannot be hashed.
        ValueError: there are no candidates.

    >>> from multibin.reward.choose import majority_vote
    >>> majority_vote([None, "b", "a", "a", "b"]).answer
    'b'
    """
    return _voted(_places(answers), np.ones(len(answers)))


def weighted_majority_vote(answers: Sequence[Hashable | None], weights: ArrayLike) -> Choice:
    """Returns the answer with the largest sum of weights; of tied ones, the one that appears first.

    ``index`` is the answer's heaviest candidate, the first of equals. Sums tie if they differ by at
    most 1e-12 of all weights.

    Args:
        answers: one of each candidate; a None has no vote.
        weights: one of each candidate, at least 0. Logits can be negative, and then each candidate
            would count against its own answer: turn them into probabilities first.

    Raises:
        TypeError: ``answers`` is a string, or an answer cannot be hashed.
        ValueError: there are no candidates, or ``weights`` are not one a candidate, finite and at
            least 0.

    >>> from multibin.reward.choose import weighted_majority_vote
    >>> choice = weighted_majority_vote(["4", "5", "4"], [0.25, 0.875, 0.5])
    >>> choice.answer, choice.weights
    ('5', {'4': 0.75, '5': 0.875})
    """
    places = _places(answers)
    return _voted(places, _args.non_negatives("weights", _weights(answers, weights)))


def best_of_n(answers: Sequence[Hashable | None], weights: ArrayLike) -> Choice:
    """Returns the answer of the heaviest candidate, the first of equals.

    An answer's weight is that of its heaviest candidate; ``tied`` is in the order of these.

    Args:
        answers: one of each candidate; one with None is chosen only if all are None.
        weights: one of each candidate, of either sign.

    Raises:
        TypeError: ``answers`` is a string, or an answer cannot be hashed.
        ValueError: there are no candidates, or ``weights`` are not one a candidate and finite.

    >>> from multibin.reward.choose import best_of_n
    >>> best_of_n(["4", "5", "4", None], [-0.5, -1.5, 0.25, 9.0])
    Choice(answer='4', index=2, weights={'4': 0.25, '5': -1.5}, tied=('4',))
    """
    places = _places(answers)
    heavy = _weights(answers, weights)
    if not places:
        return Choice(None, int(heavy.argmax()), {}, ())
    stands = {answer: at[int(heavy[at].argmax())] for answer, at in places.items()}
    highest = {answer: float(heavy[at]) for answer, at in stands.items()}
    best = max(highest.values())
    tied = sorted(at for at in stands.values() if heavy[at] == best)
    return Choice(answers[tied[0]], tied[0], highest, tuple(answers[at] for at in tied))


def decided(votes: Mapping[Any, float], remaining: int, heaviest: float = 1.0) -> bool:
    """Returns whether no remaining candidate can change the answer of a vote.

    It is so once the leader's margin exceeds all that the remaining ones can add. A margin equal to
    it does not decide, as the tie would go by order. Best-of-N has no such bound.

    Args:
        votes: the weight of each answer, such as ``Choice.weights`` of a vote.
        remaining: candidates that are yet to come.
        heaviest: the most that one candidate can weigh.

    Raises:
        TypeError: ``votes`` is no mapping, or another argument is no number.
        ValueError: an argument is negative or not finite.

    >>> from multibin.reward.choose import decided
    >>> decided({"4": 5, "5": 2}, remaining=2), decided({"4": 5, "5": 2}, remaining=3)
    (True, False)
    """
    if not isinstance(votes, Mapping):
        # A Choice does not say what made it, and best-of-N's weights are no votes.
        rule = "a mapping of answers to weights, such as Choice.weights of a vote"
        raise TypeError(_args.sentence("votes", rule, votes))
    remaining = _args.integer("remaining", remaining)
    heaviest = _args.number("heaviest", heaviest, 0)
    held = [_args.number(f"votes[{answer!r}]", held, 0) for answer, held in votes.items()]
    if not remaining:
        return True
    first, second = sorted([0.0, 0.0, *held])[:-3:-1]
    coming = remaining * heaviest
    return first - second > coming + TOLERANCE * (fsum(held) + coming)


def _places(answers: Sequence[Hashable | None]) -> dict[Hashable, list[int]]:
    """Returns the candidates of each answer, without None, in the order of appearance."""
    if isinstance(answers, str):
        raise TypeError(_args.sentence("answers", "a sequence of answers", answers))
    if not len(answers):
        raise ValueError("answers must have at least one candidate, got 0")
    places: dict[Hashable, list[int]] = {}
    for i, answer in enumerate(answers):
        if hashable(f"answers[{i}]", answer) is not None:
            places.setdefault(answer, []).append(i)
    return places


def _weights(answers: Sequence[Hashable | None], weights: ArrayLike) -> Floats:
    """Returns one finite weight a candidate, or raises a ``ValueError``."""
    array = _args.floats("weights", weights)
    if array.shape != (len(answers),):
        raise ValueError(f"weights must have shape [{len(answers)}], got {array.shape}")
    return _args.require("weights", array, np.isfinite(array), "finite")


def _voted(places: dict[Hashable, list[int]], heavy: Floats) -> Choice:
    if not places:
        return Choice(None, int(heavy.argmax()), {}, ())
    # fsum rounds once: the order of the candidates does not count.
    sums = {answer: fsum(heavy[at]) for answer, at in places.items()}
    least = max(sums.values()) - TOLERANCE * fsum(sums.values())
    tied = tuple(answer for answer, weight in sums.items() if weight >= least)
    at = places[tied[0]]
    return Choice(tied[0], at[int(heavy[at].argmax())], sums, tied)
