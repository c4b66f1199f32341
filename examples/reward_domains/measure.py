"""Questions with candidates, and what votes make of their scores."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from examples.reward_domains.domains import DOMAINS
from examples.reward_domains.solver import Candidate, Posed, answer, pose, solve
from multibin.reward.choose import Curve, Problem, accuracy_curve, answers
from multibin.reward.evaluate import step_auc

Floats: TypeAlias = NDArray[np.float64]

Scores: TypeAlias = list[list[Floats]]
"""One array of step scores a candidate, of each question."""

QUESTIONS_SEED = 10_000
"""No training set has it."""


@dataclass(frozen=True)
class Asked:
    """A question and its candidates."""

    posed: Posed
    candidates: tuple[Candidate, ...]

    def problem(self, scores: Sequence[Floats] | None = None) -> Problem:
        """Returns what votes need."""
        domain = self.posed.domain
        texts = [candidate.steps for candidate in self.candidates]
        found = answers(texts, extract=partial(answer, domain))
        return Problem(found, self.posed.correct, scores, domain.name)


def ask(questions: int, candidates: int, seed: int) -> list[Asked]:
    """Returns the questions of each domain, always the same; the seed draws their candidates."""
    rng, own = random.Random(QUESTIONS_SEED), random.Random(seed)
    posed = [pose(domain, rng) for domain in DOMAINS for _ in range(questions)]
    return [Asked(one, tuple(solve(one, own) for _ in range(candidates))) for one in posed]


def curves(
    asked: Sequence[Sequence[Asked]],
    scores: Sequence[Scores] | None,
    how: str,
    aggregate: str = "min",
    draws: int = 10,
) -> dict[str, Curve]:
    """Returns the accuracy against the number of candidates in each domain.

    The draws of all seeds of the candidates stand side by side. So an interval is over the
    questions, each with its mean over seeds and draws.
    """
    found = []
    for seed, each in enumerate(asked):
        rows = [None] * len(each) if scores is None else scores[seed]
        problems = [one.problem(row) for one, row in zip(each, rows, strict=True)]
        found.append(accuracy_curve(problems, None, how, aggregate, draws, seed))
    hits = np.concatenate([curve.hits for curve in found], axis=1)
    joined = replace(found[0], hits=hits).by_domain()
    return {str(name): curve for name, curve in joined.items()}


def aucs(asked: Sequence[Sequence[Asked]], scores: Sequence[Scores]) -> dict[str, float]:
    """Returns how well the scores of steps tell right from wrong ones, in each domain."""
    values: dict[str, list[Floats]] = {}
    labels: dict[str, list[tuple[bool, ...]]] = {}
    for each, found in zip(asked, scores, strict=True):
        for one, rows in zip(each, found, strict=True):
            values.setdefault(one.posed.domain.name, []).extend(rows)
            kept = labels.setdefault(one.posed.domain.name, [])
            kept.extend(candidate.labels for candidate in one.candidates)
    return {name: step_auc(values[name], labels[name]) for name in values}
