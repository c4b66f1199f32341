"""Accuracy against the number of candidates."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from multibin import _args
from multibin._args import Floats, Ints
from multibin.reward.choose._aggregate import AGGREGATES
from multibin.reward.choose._bootstrap import interval, percentiles
from multibin.reward.choose._methods import METHODS, WEIGHTLESS, check_weights, hits
from multibin.reward.choose._problem import Problem, Table, tabulate

__all__ = ["Curve", "Difference", "accuracy_curve", "compare", "curve_table"]


@dataclass(frozen=True, eq=False)
class Curve:
    """The accuracy of one way to choose, for several numbers of candidates.

    >>> from multibin.reward.choose import Problem, accuracy_curve
    >>> easy, hard = Problem("4 4".split(), "4", domain="sums"), Problem("5 6".split(), "7")
    >>> curve = accuracy_curve([easy, hard], how="majority_vote")
    >>> curve.ns.tolist(), curve.accuracy.tolist()
    ([1, 2], [0.5, 0.5])
    >>> curve.low.tolist(), curve.high.tolist()
    ([0.0, 0.0], [1.0, 1.0])
    """

    how: str
    aggregate: str | None
    """None for a way that reads no scores."""
    ns: Ints
    """Numbers of candidates, shape ``[k]``."""
    hits: NDArray[np.bool_]
    """Correct choices, shape ``[k, draws, questions]``."""
    sizes: Ints
    """The candidates of each question, shape ``[questions]``."""
    correct: tuple[Hashable, ...]
    """The correct answer of each question."""
    domains: tuple[str | None, ...]
    """The domain of each question."""
    confidence: float
    """The share of the samples inside an interval."""
    seed: int

    @property
    def short(self) -> Ints:
        """Returns how many questions have fewer than N candidates, shape ``[k]``.

        They use all they have.
        """
        return np.asarray((self.sizes < self.ns[:, None]).sum(1), np.int64)

    @property
    def accuracy(self) -> Floats:
        """Returns the share of correct choices over draws and questions, shape ``[k]``."""
        return np.asarray(self.hits.mean((1, 2)))

    @property
    def low(self) -> Floats:
        """Returns the lower end of the interval over questions, shape ``[k]``.

        It says how far the accuracy would move with other questions of this kind. Questions are
        drawn with replacement, each with the mean of its draws.
        """
        return self._over_questions[0]

    @property
    def high(self) -> Floats:
        """Returns the upper end of the interval over questions, shape ``[k]``."""
        return self._over_questions[1]

    @property
    def draws_low(self) -> Floats:
        """Returns the lower end of the interval over draws, shape ``[k]``.

        It says how far the accuracy moves with the draw of N candidates on these questions. It is
        the narrower one, and says nothing of other questions.
        """
        return self._over_draws[0]

    @property
    def draws_high(self) -> Floats:
        """Returns the upper end of the interval over draws, shape ``[k]``."""
        return self._over_draws[1]

    def by_domain(self) -> dict[str | None, Curve]:
        """Returns a curve for the questions of each domain, in the order of their appearance.

        >>> from multibin.reward.choose import Problem, accuracy_curve
        >>> law, art = Problem(["a"], "a", domain="law"), Problem(["a"], "b", domain="art")
        >>> curves = accuracy_curve([law, art, art], how="majority_vote").by_domain()
        >>> {domain: curve.accuracy.tolist() for domain, curve in curves.items()}
        {'law': [1.0], 'art': [0.0]}
        """
        places: dict[str | None, list[int]] = {}
        for i, domain in enumerate(self.domains):
            places.setdefault(domain, []).append(i)
        return {domain: self._only(questions) for domain, questions in places.items()}

    def _only(self, questions: list[int]) -> Curve:
        return replace(
            self,
            hits=self.hits[:, :, questions],
            sizes=self.sizes[questions],
            correct=tuple(self.correct[i] for i in questions),
            domains=tuple(self.domains[i] for i in questions),
        )

    @cached_property
    def _over_questions(self) -> tuple[Floats, Floats]:
        return interval(self.hits.mean(1).T, self.confidence, self.seed)

    @cached_property
    def _over_draws(self) -> tuple[Floats, Floats]:
        return percentiles(self.hits.mean(2).T, self.confidence)


def accuracy_curve(
    problems: Sequence[Problem],
    ns: Sequence[int] | None = None,
    how: str = "weighted_majority_vote",
    aggregate: str = "min",
    draws: int = 10,
    seed: int = 0,
    confidence: float = 0.95,
) -> Curve:
    """Returns the accuracy of choosing among N candidates, for several N.

    A draw puts the candidates of each question in a random order, and N stands for the first N of
    it: drawn without replacement. Ties go to the first in that order, so by chance. A question with
    fewer than N candidates uses all it has. That equals padding it with wrong answers of score 0
    behind the others, as the VersaPRM evaluation does, wherever scores are at least 0.

    Args:
        problems: the questions.
        ns: numbers of candidates; None: the powers of two up to the most that a question has.
        how: "majority_vote", "weighted_majority_vote", "best_of_n", or "any_correct", which no way
            to choose among the same candidates exceeds.
        aggregate: makes one weight of a candidate's step scores.
        draws: random orders of each question's candidates.
        seed: of the draws and the bootstrap. Equal seeds make equal draws for problems with the
            same numbers of candidates.
        confidence: the share of the samples inside an interval.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: an argument is out of range, a problem lacks scores, or a weighted majority vote
            has a negative weight.

    >>> from multibin.reward.choose import Problem, accuracy_curve
    >>> problem = Problem(["5", "4", "5"], "4", [[0.1], [0.9, 0.8], [0.2]])
    >>> accuracy_curve([problem], ns=[3]).accuracy.tolist()
    [1.0]
    >>> accuracy_curve([problem], ns=[3], how="majority_vote").accuracy.tolist()
    [0.0]
    """
    _args.one_of("how", how, METHODS)
    _args.one_of("aggregate", aggregate, AGGREGATES)
    weighed = None if how in WEIGHTLESS else aggregate
    confidence = _args.number("confidence", confidence, 0, 1)
    draws, seed = _args.integer("draws", draws, 1), _args.integer("seed", seed)
    table = tabulate(problems, weighed)
    check_weights(how, table)
    counts = _numbers(ns, int(table.sizes.max()))
    return Curve(
        how,
        weighed,
        counts,
        _drawn(table, how, counts, draws, seed),
        table.sizes,
        tuple(problem.correct for problem in problems),
        tuple(problem.domain for problem in problems),
        confidence,
        seed,
    )


def _numbers(ns: Sequence[int] | None, most: int) -> Ints:
    if ns is None:
        return 2 ** np.arange(most.bit_length(), dtype=np.int64)
    if not len(ns):
        raise ValueError("ns must have at least one number, got 0")
    return np.array([_args.integer(f"ns[{i}]", n, 1) for i, n in enumerate(ns)], np.int64)


def _drawn(table: Table, how: str, ns: Ints, draws: int, seed: int) -> NDArray[np.bool_]:
    rng = np.random.default_rng(seed)
    found = np.empty((len(ns), draws, len(table.sizes)), np.bool_)
    for draw in range(draws):
        shuffled = table.shuffled(rng)
        for k, n in enumerate(ns.tolist()):
            found[k, draw] = hits(how, shuffled.first(n))
    return found


@dataclass(frozen=True, eq=False)
class Difference:
    """The accuracy of one curve minus that of another on the same questions, shape ``[k]`` each.

    >>> from multibin.reward.choose import Problem, accuracy_curve, compare
    >>> problem = Problem(["5", "4", "5"], "4", [0.1, 0.9, 0.2])
    >>> votes = [accuracy_curve([problem], [3], how) for how in ("best_of_n", "majority_vote")]
    >>> compare(*votes).difference.tolist()
    [1.0]
    """

    ns: Ints
    difference: Floats
    low: Floats
    """The lower end of the paired bootstrap's interval over questions."""
    high: Floats
    """The upper end."""


def compare(curve: Curve, baseline: Curve) -> Difference:
    """Returns how much more accurate ``curve`` is than ``baseline``, with paired intervals.

    Each resample takes the same questions for both curves, so what makes a question hard cancels.
    Intervals have the confidence and the seed of ``curve``.

    Raises:
        ValueError: the curves differ in their questions or in their numbers of candidates.

    >>> from multibin.reward.choose import Problem, accuracy_curve, compare
    >>> problems = [Problem(["5", "4", "5"], "4", [0.1, 0.9, 0.2]), Problem(["1"], "1", [0.5])]
    >>> best, vote = (accuracy_curve(problems, [3], how) for how in ("best_of_n", "majority_vote"))
    >>> gain = compare(best, vote)
    >>> gain.difference.tolist(), gain.low.tolist(), gain.high.tolist()
    ([0.5], [0.0], [1.0])
    """
    if curve.correct != baseline.correct or curve.domains != baseline.domains:
        raise ValueError("baseline must have the questions of curve, in the same order, got others")
    if curve.ns.tolist() != baseline.ns.tolist():
        rule = f"{curve.ns.tolist()}, those of curve"
        raise ValueError(_args.sentence("baseline.ns", rule, baseline.ns.tolist()))
    gained = (curve.hits.mean(1) - baseline.hits.mean(1)).T
    low, high = interval(gained, curve.confidence, curve.seed)
    return Difference(curve.ns, gained.mean(0), low, high)


def curve_table(curves: Mapping[str, Curve]) -> str:
    """Returns curves as a Markdown table: percent and the interval over questions.

    >>> from multibin.reward.choose import Problem, accuracy_curve, curve_table
    >>> curve = accuracy_curve([Problem(["a", "a"], "a")], how="majority_vote")
    >>> print(curve_table({"vote": curve}))
    | N | vote |
    |---:|---:|
    | 1 | 100.0 (100.0 to 100.0) |
    | 2 | 100.0 (100.0 to 100.0) |
    """
    lines = ["| " + " | ".join(["N", *curves]) + " |", "|" + "---:|" * (len(curves) + 1)]
    ns = sorted({n for curve in curves.values() for n in curve.ns.tolist()})
    columns = [dict(_cells(curve)) for curve in curves.values()]
    for n in ns:
        cells = [column.get(n, "") for column in columns]
        lines.append("| " + " | ".join([str(n), *cells]) + " |")
    return "\n".join(lines)


def _cells(curve: Curve) -> Iterator[tuple[int, str]]:
    for n, *shares in zip(curve.ns, curve.accuracy, curve.low, curve.high, strict=True):
        mean, low, high = (100 * share for share in shares)
        yield int(n), f"{mean:.1f} ({low:.1f} to {high:.1f})"
