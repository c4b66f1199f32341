"""Questions with their candidates, and the arrays that votes of many questions run on."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multibin import _args
from multibin._args import Floats, Ints
from multibin.reward.choose._aggregate import AGGREGATES, BY_NAME
from multibin.reward.choose._answers import hashable
from multibin.reward.choose._ragged import Ragged, is_row, ragged

__all__ = ["Problem", "Table", "grouped", "tabulate"]

MISSING = -1
"""The code of a candidate without an answer, and of the places behind the last candidate."""
UNFOUND = -2
"""The code of a correct answer that no candidate has."""


@dataclass(frozen=True, eq=False)
class Problem:
    """A question: its candidates' answers and scores, and the correct answer.

    Args:
        answers: one of each candidate, None where there is none.
        correct: the answer that counts as correct, by equality.
        scores: scores of steps, an array a candidate; or one score a candidate, shape ``[n]``. None
            does for majority votes.
        domain: the field that the question belongs to.
        question: a name for the question, if several problems have it, with other candidates.
            Intervals draw these together. None: it is the only problem with its question.

    Raises:
        TypeError: an answer or ``question`` cannot be hashed; or ``correct`` is a string and no
            answer is, or the other way round: they would never be equal.
        ValueError: there are no candidates, ``correct`` is None, or ``scores`` are not one entry a
            candidate, of at least one finite number.

    >>> from multibin.reward.choose import Problem
    >>> Problem(["4", "5"], "4", [[0.9, 0.8], [0.9, 0.2, 0.1]]).candidates
    2
    """

    answers: Sequence[Hashable | None]
    correct: Hashable
    scores: ArrayLike | Sequence[ArrayLike] | None = None
    domain: str | None = None
    question: Hashable | None = None

    def __post_init__(self) -> None:
        """Refuses what does not fit together."""
        if isinstance(self.answers, str):
            raise TypeError(_args.sentence("answers", "a sequence of answers", self.answers))
        if not self.candidates:
            raise ValueError("answers must have at least one candidate, got 0")
        if hashable("correct", self.correct) is None:
            raise ValueError(_args.sentence("correct", "an answer", None))
        hashable("question", self.question)
        for i, answer in enumerate(self.answers):
            hashable(f"answers[{i}]", answer)
        _check_kind(self.correct, self.answers)
        if self.scores is not None:
            _scores(self.scores, self.candidates)

    @property
    def candidates(self) -> int:
        """Returns the number of candidates."""
        return len(self.answers)

    def weights(self, how: str) -> Floats:
        """Returns one score a candidate: the aggregate of its steps, or its only score.

        >>> from multibin.reward.choose import Problem
        >>> Problem(["4", "5"], "4", [[0.9, 0.8], [0.9, 0.2, 0.1]]).weights("min").tolist()
        [0.8, 0.1]
        """
        _args.one_of("how", how, AGGREGATES)
        if self.scores is None:
            raise ValueError(_args.sentence("scores", "given for a vote with weights", None))
        rows = _scores(self.scores, self.candidates)
        return rows.values if is_row(self.scores) else BY_NAME[how](rows)


def _check_kind(correct: Hashable, answers: Sequence[Hashable | None]) -> None:
    """Raises a ``TypeError`` if one side is strings and the other has none: "1" is not 1."""
    kinds = {isinstance(answer, str) for answer in answers if answer is not None}
    if kinds and isinstance(correct, str) not in kinds:
        rule = "a string, as the answers are" if True in kinds else "no string, as no answer is"
        raise TypeError(_args.sentence("correct", rule, correct))


def _scores(scores: ArrayLike | Sequence[ArrayLike], candidates: int) -> Ragged:
    rows = ragged("scores", scores)
    found = rows.values.size if is_row(scores) else rows.sizes.size
    if found != candidates:
        raise ValueError(
            f"scores must have one entry for each of the {candidates} answers, got {found}"
        )
    return rows


@dataclass(frozen=True, eq=False)
class Table:
    """The candidates of many questions as arrays; C is the most candidates of a question."""

    codes: Ints
    """The answer of each candidate as a number of its question's own, shape ``[questions, C]``."""
    weights: Floats
    """Shape ``[questions, C]``, 0 where there is no candidate."""
    correct: Ints
    """The code of the correct answer, shape ``[questions]``."""
    sizes: Ints
    """The candidates of each question, shape ``[questions]``."""

    def shuffled(self, rng: np.random.Generator) -> Table:
        """Returns the candidates of each question in a random order, all orders equally likely."""
        keys = rng.random(self.codes.shape)
        keys[np.arange(keys.shape[1]) >= self.sizes[:, None]] = 2.0
        order: NDArray[np.intp] = keys.argsort(axis=1)
        return Table(
            np.take_along_axis(self.codes, order, 1),
            np.take_along_axis(self.weights, order, 1),
            self.correct,
            self.sizes,
        )

    def first(self, n: int) -> Table:
        """Returns the first ``n`` candidates of each question, or all if it has fewer."""
        sizes = np.minimum(self.sizes, n)
        return Table(self.codes[:, :n], self.weights[:, :n], self.correct, sizes)


def tabulate(problems: Sequence[Problem], aggregate: str | None) -> Table:
    """Returns the problems as arrays; the weights are 1 without an aggregate.

    Raises:
        TypeError: an element is no ``Problem``.
        ValueError: there are no problems, or one lacks scores.
    """
    if not len(problems):
        raise ValueError("problems must have at least one problem, got 0")
    for i, problem in enumerate(problems):
        if not isinstance(problem, Problem):
            raise TypeError(_args.sentence(f"problems[{i}]", "a Problem", problem))
    sizes = np.array([problem.candidates for problem in problems], np.int64)
    codes = np.full((len(problems), sizes.max()), MISSING, np.int64)
    weights = np.zeros(codes.shape)
    correct = np.empty(len(problems), np.int64)
    for i, problem in enumerate(problems):
        codes[i, : sizes[i]], correct[i] = _coded(problem)
        weights[i, : sizes[i]] = _weighed(i, problem, aggregate)
    return Table(codes, weights, correct, sizes)


def _coded(problem: Problem) -> tuple[list[int], int]:
    codes: dict[Hashable | None, int] = {}
    for answer in problem.answers:
        if answer is not None:
            codes.setdefault(answer, len(codes))
    return [codes.get(a, MISSING) for a in problem.answers], codes.get(problem.correct, UNFOUND)


def _weighed(i: int, problem: Problem, aggregate: str | None) -> ArrayLike:
    if aggregate is None:
        return 1.0
    try:
        return problem.weights(aggregate)
    except ValueError as error:
        raise ValueError(f"problems[{i}].{error}") from None


def grouped(problems: Sequence[Problem]) -> Ints:
    """Returns a number for each problem's question, equal for equal questions."""
    seen: dict[tuple[str, Hashable], int] = {}
    names = [
        ("alone", i) if problem.question is None else ("shared", problem.question)
        for i, problem in enumerate(problems)
    ]
    return np.array([seen.setdefault(name, len(seen)) for name in names], np.int64)
