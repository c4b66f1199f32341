"""A noisy solver: it writes candidates for a problem, and knows which of their steps are wrong.

It stands for a language model that makes mistakes. A step is wrong with a probability of the
problem, and goes on from its wrong value. Most wrong steps give the problem's own misconception, so
that wrong answers agree and a majority can be wrong.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from examples.reward_domains.domains import Domain, Problem

ERRORS = (0.05, 0.45)
"""The range from which a problem's share of wrong steps is drawn."""

SHARED = 0.75
"""The share of wrong steps that give the problem's misconception."""


@dataclass(frozen=True)
class Candidate:
    """The steps of a solution, and whether each is right."""

    steps: tuple[str, ...]
    labels: tuple[bool, ...]


@dataclass(frozen=True)
class Posed:
    """A problem with its domain, its error rate and the seed of its misconceptions."""

    domain: Domain
    problem: Problem
    errors: float
    seed: int

    @property
    def correct(self) -> str:
        """The right answer."""
        return self.domain.answer(_values(solve(self, random.Random(), errors=0.0).steps))


def pose(domain: Domain, rng: random.Random) -> Posed:
    """Returns a random problem of a domain, with how often and how it is got wrong."""
    return Posed(domain, domain.pose(rng), rng.uniform(*ERRORS), rng.getrandbits(32))


def solve(posed: Posed, rng: random.Random, errors: float | None = None) -> Candidate:
    """Returns a candidate; a label says whether a step is right, given the step before it.

    Args:
        posed: the problem.
        rng: draws which steps are wrong.
        errors: share of wrong steps; None: that of the problem.
    """
    domain, state = posed.domain, posed.problem.start
    share = posed.errors if errors is None else errors
    steps, labels = [], []
    for place, operation in enumerate(posed.problem.operations):
        right = domain.value(state, operation)
        value = _mistake(posed, rng, place, state) if rng.random() < share else right
        steps.append(f"{domain.write(state, operation)} = {value}")
        labels.append(value == right)
        state = domain.after(state, value)
    return Candidate(tuple(steps), tuple(labels))


def answer(domain: Domain, text: str) -> str:
    """Returns the answer in the text of a candidate, with a blank line between steps."""
    return domain.answer(_values(text.split("\n\n")))


def _mistake(posed: Posed, rng: random.Random, place: int, state: Any) -> str:
    """Returns a wrong value of a step: the problem's misconception, or any."""
    domain, operation = posed.domain, posed.problem.operations[place]
    right = domain.value(state, operation)
    wrong = [value for value in domain.values(state, operation) if value != right]
    if rng.random() < SHARED:
        return random.Random(f"{posed.seed} {place} {state}").choice(wrong)
    return rng.choice(wrong)


def _values(steps: Sequence[str]) -> list[str]:
    return [step.rpartition(" = ")[2] for step in steps]
