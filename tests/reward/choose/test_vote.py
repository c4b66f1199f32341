"""Votes: winners, ties, candidates without an answer, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from multibin.reward.choose import (
    Choice,
    best_of_n,
    decided,
    majority_vote,
    weighted_majority_vote,
)

ANSWERS = st.lists(st.sampled_from(["a", "b", "c", None]), min_size=1, max_size=12)


@st.composite
def ballots(draw: st.DrawFn) -> tuple[list[str | None], list[float]]:
    """Draws answers and as many weights of tenths, which tie often and round in sums."""
    answers = draw(ANSWERS)
    tenths = st.lists(st.integers(0, 10), min_size=len(answers), max_size=len(answers))
    return answers, [tenth / 10 for tenth in draw(tenths)]


def exact(answers: list[Any], weights: list[float]) -> dict[Any, Fraction]:
    """Returns the sum of the tenths of each answer, in the order of appearance."""
    sums: dict[Any, Fraction] = {}
    for answer, weight in zip(answers, weights, strict=True):
        if answer is not None:
            sums[answer] = sums.get(answer, Fraction(0)) + Fraction(round(weight * 10), 10)
    return sums


@given(ballots())
def test_the_first_of_the_heaviest_answers_wins(ballot: tuple[list[Any], list[float]]) -> None:
    answers, weights = ballot
    choice, sums = weighted_majority_vote(answers, weights), exact(answers, weights)
    assert list(choice.weights) == list(sums)
    assert choice.weights == pytest.approx({a: float(s) for a, s in sums.items()})
    top = max(sums.values(), default=None)
    assert choice.tied == tuple(answer for answer, weight in sums.items() if weight == top)
    assert choice.answer == (choice.tied[0] if sums else None)
    assert answers[choice.index] == choice.answer
    own = [w for a, w in zip(answers, weights, strict=True) if a == choice.answer]
    assert weights[choice.index] == max(own)


@given(ANSWERS)
def test_votes_of_equal_weight_are_a_majority_vote(answers: list[Any]) -> None:
    vote = majority_vote(answers)
    assert weighted_majority_vote(answers, np.ones(len(answers))) == vote
    assert vote.answer is None or vote.weights[vote.answer] == answers.count(vote.answer)


@given(ballots(), st.randoms())
def test_the_order_decides_ties_alone(ballot: tuple[list[Any], list[float]], random: Any) -> None:
    order = random.sample(range(len(ballot[0])), len(ballot[0]))
    answers, weights = ([values[i] for i in order] for values in ballot)
    for vote in (weighted_majority_vote, best_of_n):
        before, after = vote(*ballot), vote(answers, weights)
        assert set(before.tied) == set(after.tied)
        assert before.weights == pytest.approx(after.weights, rel=1e-15)
        if len(before.tied) == 1:
            assert before.answer == after.answer


@given(ballots(), st.data())
def test_more_weight_for_the_winner_changes_nothing(
    ballot: tuple[list[Any], list[float]], data: st.DataObject
) -> None:
    answers, weights = ballot
    for vote in (weighted_majority_vote, best_of_n):
        choice = vote(answers, weights)
        more = [*weights]
        more[choice.index] += data.draw(st.floats(0.1, 5))
        assert vote(answers, more).answer == choice.answer


@given(ballots())
def test_best_of_n_takes_the_first_heaviest_candidate(
    ballot: tuple[list[Any], list[float]],
) -> None:
    answers, weights = ballot
    choice = best_of_n(answers, weights)
    order = sorted(range(len(answers)), key=lambda i: (answers[i] is None, -weights[i], i))
    assert (choice.index, choice.answer) == (order[0], answers[order[0]])
    if choice.answer is not None:
        assert choice.tied[0] == choice.answer
        assert {choice.weights[answer] for answer in choice.tied} == {weights[choice.index]}


@given(ballots())
def test_a_constant_taken_away_moves_no_best_of_n(ballot: tuple[list[Any], list[float]]) -> None:
    answers, weights = ballot
    lower = [round(weight * 10) - 8 for weight in weights]
    assert best_of_n(answers, lower).index == best_of_n(answers, weights).index


def test_rounding_breaks_no_tie() -> None:
    answers = ["a", "a", "a", "b"]
    assert sum([0.1, 0.2, 0.3]) != 0.6
    assert weighted_majority_vote(answers, [0.1, 0.2, 0.3, 0.6]).tied == ("a", "b")
    assert weighted_majority_vote(answers[::-1], [0.6, 0.3, 0.2, 0.1]).tied == ("b", "a")
    assert weighted_majority_vote(answers[::-1], [0.3, 0.1, 0.1, 0.1]).tied == ("b", "a")
    assert weighted_majority_vote(answers, [0.1, 0.2, 0.3, 0.6 + 1e-9]).tied == ("b",)


def test_without_an_answer() -> None:
    assert majority_vote([None, None, "a"]).answer == "a"
    assert best_of_n([None, "a"], [9, -9]).index == 1
    assert majority_vote([None, None]) == Choice(None, 0, {}, ())
    assert weighted_majority_vote([None, None], [0, 1]) == Choice(None, 1, {}, ())
    assert best_of_n([None, None], [-2, -1]) == Choice(None, 1, {}, ())
    assert weighted_majority_vote([None, "b", "a"], [1, 0, 0]).tied == ("b", "a")


def test_answers_of_any_kind() -> None:
    assert majority_vote([1, 1.0, "1"]).weights == {1: 2.0, "1": 1.0}
    assert majority_vote([(1, 2), (2, 1), (2, 1)]).answer == (2, 1)
    assert majority_vote(np.array(["x", "y", "y"])).answer == "y"  # type: ignore[arg-type]


WEIGHTED = [weighted_majority_vote, best_of_n]


@pytest.mark.parametrize("vote", WEIGHTED)
@pytest.mark.parametrize(
    ("answers", "weights", "message"),
    [
        ([], [], "answers must have at least one candidate, got 0"),
        (["a"], [], r"weights must have shape \[1\], got \(0,\)"),
        (["a", "b"], [1], r"weights must have shape \[2\], got \(1,\)"),
        (["a"], [[1]], r"weights must have shape \[1\], got \(1, 1\)"),
        (["a", "b"], [1, float("nan")], r"weights\[1\] must be a number, got nan"),
        (["a", "b"], [1, float("inf")], r"weights\[1\] must be finite, got inf"),
        (["a"], ["heavy"], r"weights must be numeric, got \['heavy'\]"),
    ],
)
def test_weights_that_do_not_fit(
    vote: Callable[..., Choice], answers: list[str], weights: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        vote(answers, weights)


def test_logits_have_no_weighted_vote() -> None:
    with pytest.raises(ValueError, match=r"^weights\[1\] must be finite and at least 0, got -0.5$"):
        weighted_majority_vote(["a", "b"], [0.5, -0.5])


def test_what_is_no_list_of_answers() -> None:
    with pytest.raises(TypeError, match=r"^answers must be a sequence of answers, got 'abc'$"):
        majority_vote("abc")
    with pytest.raises(TypeError, match=r"^answers\[1\] must be hashable, got \[\]$"):
        majority_vote(["a", []])  # type: ignore[list-item]
    with pytest.raises(ValueError, match=r"^answers must have at least one candidate, got 0$"):
        majority_vote([])


@given(ballots(), st.floats(0, 0.999))
def test_a_decided_vote_keeps_its_answer(
    ballot: tuple[list[Any], list[float]], share: float
) -> None:
    answers, weights = ballot
    seen = int(share * len(answers))
    assume(any(answer is not None for answer in answers[:seen]))
    early = weighted_majority_vote(answers[:seen], weights[:seen])
    remaining = len(answers) - seen
    if decided(early.weights, remaining):
        assert weighted_majority_vote(answers, weights).answer == early.answer
    elif max(early.weights.values()) < remaining - 0.05:
        other = [*answers[:seen], *["new"] * remaining]
        assert weighted_majority_vote(other, [*weights[:seen], *[1] * remaining]).answer == "new"


def test_decided() -> None:
    assert decided({}, 0)
    assert not decided({}, 1)
    assert decided({"a": 3}, 2), "a new answer cannot reach it"
    assert not decided({"a": 2}, 2), "a tie goes by order"
    assert not decided({"a": 0.3, "b": 0.1 + 0.1}, 1, heaviest=0.1), "nor does rounding decide"
    assert decided({"a": 3, "b": 1}, 3, heaviest=0.5)
    assert decided({"a": 1, "b": 1}, 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (({"a": 1}, -1), "remaining must be at least 0, got -1"),
        (({"a": -1}, 1), r"votes\['a'\] must be at least 0, got -1"),
        (({"a": 1}, 1, -0.5), "heaviest must be at least 0, got -0.5"),
        (({"a": float("nan")}, 1), r"votes\['a'\] must be finite, got nan"),
    ],
)
def test_what_decides_nothing(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        decided(*arguments)


def test_a_choice_is_no_votes() -> None:
    choice = majority_vote(["a", "a", "b"])
    rule = r"a mapping of answers to weights, such as Choice\.weights of a vote"
    with pytest.raises(TypeError, match=rf"^votes must be {rule}, got Choice\("):
        decided(choice, 1)  # type: ignore[arg-type]
    assert not decided(choice.weights, 1)
