"""Accuracy against the number of candidates: the arrays against plain votes, draws, intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multibin.reward.choose import (
    METHODS,
    Choice,
    Curve,
    Problem,
    accuracy_curve,
    aggregate,
    best_of_n,
    compare,
    curve_table,
    majority_vote,
    plot_curves,
    weighted_majority_vote,
)
from multibin.reward.choose._bootstrap import interval
from multibin.reward.choose._methods import hits
from multibin.reward.choose._problem import tabulate

STEPS = st.lists(st.integers(0, 10).map(lambda tenth: tenth / 10), min_size=1, max_size=3)
CANDIDATE = st.tuples(st.sampled_from(["a", "b", "c", None]), STEPS)


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Draws a question of 1 to 6 candidates whose votes often tie."""
    answers, scores = zip(*draw(st.lists(CANDIDATE, min_size=1, max_size=6)), strict=True)
    return Problem(answers, draw(st.sampled_from("abd")), scores)


def right(how: str, problem: Problem, order: Sequence[int]) -> bool:
    """Returns whether a plain vote over these candidates, in this order, is correct."""
    answers = [problem.answers[i] for i in order]
    if how == "any_correct":
        return problem.correct in answers
    weights = problem.weights("min")[list(order)]
    votes: dict[str, Callable[[], Choice]] = {
        "majority_vote": lambda: majority_vote(answers),
        "weighted_majority_vote": lambda: weighted_majority_vote(answers, weights),
        "best_of_n": lambda: best_of_n(answers, weights),
    }
    return votes[how]().answer == problem.correct


@pytest.mark.parametrize("how", METHODS)
@given(st.lists(problems(), min_size=1, max_size=6))
def test_the_arrays_vote_as_one_question_does(how: str, many: list[Problem]) -> None:
    table = tabulate(many, None if how in ("majority_vote", "any_correct") else "min")
    for n in range(1, 7):
        found = hits(how, table.first(n))
        ranges = [range(min(n, problem.candidates)) for problem in many]
        assert found.tolist() == [right(how, p, r) for p, r in zip(many, ranges, strict=True)]


def test_rounding_breaks_no_tie() -> None:
    problem = Problem([*"baaa"], "b", [0.6, 0.1, 0.2, 0.3])
    assert 0.1 + 0.2 + 0.3 > 0.6
    assert hits("weighted_majority_vote", tabulate([problem], "min")).tolist() == [True]
    assert right("weighted_majority_vote", problem, range(4))


@pytest.mark.parametrize("how", METHODS)
def test_many_draws_approach_all_draws(how: str) -> None:
    problem = Problem([*"aabbc"], "a", [[0.3], [0.2], [0.4], [0.1], [0.5]])
    curve = accuracy_curve([problem], [1, 2, 3, 4, 5], how, draws=4000, seed=1)
    for n, share in zip(curve.ns.tolist(), curve.accuracy, strict=True):
        orders = list(permutations(range(5), n))
        exact = np.mean([right(how, problem, order) for order in orders])
        # Three standard errors of a share of 4,000 draws are at most .024.
        assert share == pytest.approx(exact, abs=0.024)


def test_a_draw_takes_the_candidates_without_replacement() -> None:
    rng = np.random.default_rng(0)
    problem, other = Problem([*"abcd"], "a", [1, 2, 3, 4]), Problem([*"ab"], "a", [5, 6])
    table = tabulate([problem, other], "min")
    seen = set()
    for _ in range(200):
        shuffled = table.shuffled(rng)
        assert sorted(shuffled.codes[0]) == [0, 1, 2, 3]
        assert (shuffled.weights[0] == shuffled.codes[0] + 1).all()
        assert sorted(shuffled.weights[1, :2]) == [5, 6]
        assert shuffled.codes[1, 2:].tolist() == [-1, -1]
        seen.add(tuple(shuffled.codes[0].tolist()))
    assert len(seen) == 24


def test_all_candidates_need_no_draw() -> None:
    rng = np.random.default_rng(2)
    many = [
        Problem(rng.integers(0, 4, 7).tolist(), 1, rng.random(7) + np.arange(7)) for _ in range(20)
    ]
    for how in ("weighted_majority_vote", "best_of_n"):
        curve = accuracy_curve(many, [7, 100], how, draws=5)
        assert (curve.hits == curve.hits[:1, :1]).all()
        assert (curve.draws_low == curve.draws_high).all()
        assert curve.hits[0, 0].tolist() == [right(how, p, range(7)) for p in many]


def test_seeds() -> None:
    many = [Problem([*"abcabc"], "a", np.arange(6) / 6) for _ in range(30)]
    one, same, other = (accuracy_curve(many, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(one.hits, same.hits)
    assert not np.array_equal(one.hits, other.hits)
    assert (one.low == same.low).all()
    assert (one.low <= one.accuracy).all()
    assert (one.accuracy <= one.high).all()


def test_default_numbers_are_powers_of_two() -> None:
    for most, ns in [(1, [1]), (2, [1, 2]), (7, [1, 2, 4]), (8, [1, 2, 4, 8])]:
        curve = accuracy_curve(
            [Problem(["a"] * most, "a"), Problem([*"b"], "a")], how="majority_vote"
        )
        assert curve.ns.tolist() == ns
        assert curve.short.tolist() == [int(n > 1) for n in ns]


def test_padding_with_wrong_answers_changes_nothing() -> None:
    few = Problem(["a", None, "b"], "a", [0.4, 0.9, 0.1])
    padded = Problem(["a", None, "b", *range(5)], "a", [0.4, 0.9, 0.1, 0, 0, 0, 0, 0])
    for how in METHODS:
        assert right(how, few, range(3)) == right(how, padded, range(8))


def test_one_score_a_candidate_is_taken_as_it_is() -> None:
    problem = Problem(["a", "b"], "a", [-1.0, -2.0])
    for name in ("product", "sum"):
        assert problem.weights(name).tolist() == [-1.0, -2.0]
    steps = Problem(["a", "b"], "a", [[-1.0, 3.0], [-2.0]])
    assert steps.weights("sum").tolist() == aggregate([[-1.0, 3.0], [-2.0]], "sum").tolist()
    assert accuracy_curve([problem], how="best_of_n", ns=[2]).accuracy == [1.0]


def test_domains() -> None:
    rng = np.random.default_rng(0)
    many = [
        Problem(rng.integers(0, 3, 4).tolist(), 1, rng.random(4), "law" if i % 3 else "art")
        for i in range(9)
    ]
    curve = accuracy_curve(many, [1, 4, 8])
    parts = curve.by_domain()
    assert list(parts) == ["art", "law"]
    assert [part.hits.shape for part in parts.values()] == [(3, 10, 3), (3, 10, 6)]
    mean = (parts["art"].accuracy * 3 + parts["law"].accuracy * 6) / 9
    assert mean == pytest.approx(curve.accuracy)
    assert parts["law"].short.tolist() == [0, 0, 6]
    assert parts["law"].correct == (1,) * 6


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.floats(0.5, 0.99))
@settings(max_examples=20)
def test_an_interval_lies_among_the_values(values: list[float], confidence: float) -> None:
    column = np.array(values)[:, None]
    low, high = interval(column, confidence, 0)
    narrow_low, narrow_high = interval(column, confidence / 2, 0)
    assert min(values) - 1e-9 <= low <= narrow_low <= narrow_high <= high <= max(values) + 1e-9


def test_an_interval_has_its_known_width() -> None:
    values = np.repeat([0.0, 1.0], [1200, 2800])[:, None]
    low, high = interval(values, 0.95, 0)
    half = 1.96 * np.sqrt(0.7 * 0.3 / 4000)
    assert [*low, *high] == pytest.approx([0.7 - half, 0.7 + half], abs=0.002)


def test_problems_with_one_question_are_drawn_together() -> None:
    rng = np.random.default_rng(7)
    once = [
        Problem(["a"], "ab"[int(bad)], question=i) for i, bad in enumerate(rng.random(200) > 0.6)
    ]
    alone = accuracy_curve(once, how="majority_vote")
    often = accuracy_curve(once * 9, how="majority_vote")
    assert (often.accuracy, often.low, often.high) == (alone.accuracy, alone.low, alone.high)
    apart = [Problem(problem.answers, problem.correct) for problem in once * 9]
    narrow = accuracy_curve(apart, how="majority_vote")
    assert (alone.high - alone.low) / (narrow.high - narrow.low) == pytest.approx(3, rel=0.1)
    with pytest.raises(ValueError, match=r"^baseline must have the questions of curve"):
        compare(often, narrow)


def test_an_interval_of_questions_of_unequal_sizes() -> None:
    values, groups = np.array([[1.0], [1.0], [1.0], [0.0]]), np.array([4, 4, 4, 9])
    low, high = interval(values, 0.6, 0, groups)
    # Of two questions a resample has the first twice (mean 1), once (.75) or never (0).
    assert [*low, *high] == [0, 1]
    assert [*np.concatenate(interval(values, 0.4, 0, groups))] == [0.75, 0.75]


def test_paired_intervals_are_narrower() -> None:
    rng = np.random.default_rng(5)
    many = []
    for hard in rng.random(300):
        answers = ["a" if good else "b" for good in rng.random(8) > hard]
        scores = [0.5 + (0.3 if answer == "a" else 0) * rng.random() for answer in answers]
        many.append(Problem(answers, "a", scores))
    weighted = accuracy_curve(many, [8])
    vote = accuracy_curve(many, [8], "majority_vote")
    gain = compare(weighted, vote)
    assert gain.difference == pytest.approx(weighted.accuracy - vote.accuracy)
    assert gain.low <= gain.difference <= gain.high
    assert gain.high - gain.low < (weighted.high - weighted.low) / 1.5
    assert gain.low > 0
    back = compare(vote, weighted)
    assert [*back.low, *back.high] == pytest.approx([*-gain.high, *-gain.low])
    same = compare(vote, vote)
    assert [*same.low, *same.difference, *same.high] == [0, 0, 0]


def test_curves_of_other_questions_are_not_compared() -> None:
    one = accuracy_curve([Problem([*"ab"], "a")], how="majority_vote")
    with pytest.raises(ValueError, match=r"^baseline must have the questions of curve"):
        compare(one, accuracy_curve([Problem([*"ab"], "b")], how="majority_vote"))
    with pytest.raises(ValueError, match=r"^baseline must have the questions of curve"):
        compare(one, accuracy_curve([Problem([*"ab"], "a", domain="x")], how="majority_vote"))
    with pytest.raises(
        ValueError, match=r"^baseline.ns must be \[1, 2\], those of curve, got \[3\]"
    ):
        compare(one, accuracy_curve([Problem([*"ab"], "a")], [3], "majority_vote"))


@pytest.fixture
def curves() -> dict[str, Curve]:
    many = [Problem([*"aab"], "a", [0.1, 0.2, 0.9]), Problem([*"abb"], "a", [0.1, 0.2, 0.9])]
    return {
        "vote": accuracy_curve(many, [1, 3], "majority_vote"),
        "best": accuracy_curve(many, [3], "best_of_n"),
    }


def test_table(curves: dict[str, Curve]) -> None:
    head, rule, one, three = curve_table(curves).splitlines()
    assert (head, rule) == ("| N | vote | best |", "|---:|---:|---:|")
    assert one.startswith("| 1 | ")
    assert one.endswith(" |  |")
    assert three == "| 3 | 50.0 (0.0 to 100.0) | 0.0 (0.0 to 0.0) |"


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_picture(curves: dict[str, Curve], suffix: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="pictures need the extra `plot`")
    path = tmp_path / f"curves{suffix}"
    plot_curves(curves, path, "a heading")
    assert path.stat().st_size > 1000
    if suffix == ".svg":
        assert "image/svg" in path.read_text()


def test_no_picture(curves: dict[str, Curve], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^path must be a name in .png, .pdf, .svg, got "):
        plot_curves(curves, tmp_path / "curves.gif")
    with pytest.raises(ValueError, match=r"^path must be a file that can be written, got "):
        plot_curves(curves, tmp_path / "nowhere" / "curves.png")
    with pytest.raises(ValueError, match=r"^curves must have at least one curve, got 0$"):
        plot_curves({}, tmp_path / "curves.png")


PLAIN = Problem([*"ab"], "a", [0.1, 0.2])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"problems": []}, "problems must have at least one problem, got 0"),
        (
            {"problems": [Problem([*"ab"], "a")]},
            r"problems\[0\].scores must be given for a vote with",
        ),
        (
            {"problems": [PLAIN, Problem([*"ab"], "a", [0.5, -0.5])]},
            r"problems\[1\].scores\[1\] must be at least 0 when aggregated, got -0.5",
        ),
        ({"ns": []}, "ns must have at least one number, got 0"),
        ({"ns": [1, 0]}, r"ns\[1\] must be at least 1, got 0"),
        ({"how": "vote"}, "how must be one of 'majority_vote', "),
        ({"aggregate": "mode"}, "aggregate must be one of 'min', "),
        ({"draws": 0}, "draws must be at least 1, got 0"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"confidence": 1.5}, "confidence must be between 0 and 1, got 1.5"),
        ({"confidence": float("nan")}, "confidence must be finite, got nan"),
    ],
)
def test_what_a_curve_refuses(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        accuracy_curve(**{"problems": [PLAIN], **arguments})


def test_types_that_a_curve_refuses() -> None:
    with pytest.raises(TypeError, match=r"^problems\[0\] must be a Problem, got 'a'$"):
        accuracy_curve(["a"])  # type: ignore[list-item]
    with pytest.raises(TypeError, match=r"^ns\[0\] must be an int, got 1.0$"):
        accuracy_curve([PLAIN], [1.0])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], "a"), "answers must have at least one candidate, got 0"),
        ((["a"], None), "correct must be an answer, got None"),
        ((["a"], "a", []), "scores must have at least one step, got 0"),
        ((["a"], "a", [1, 2]), "scores must have one entry for each of the 1 answers, got 2"),
        ((["a", "b"], "a", [[1]]), "scores must have one entry for each of the 2 answers, got 1"),
        ((["a", "b"], "a", [[1], []]), r"scores\[1\] must have at least one step, got 0"),
        ((["a"], "a", [[1, float("nan")]]), r"scores\[0\]\[1\] must be finite, got nan"),
    ],
)
def test_what_a_problem_refuses(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        Problem(*arguments)


def test_types_that_a_problem_refuses() -> None:
    with pytest.raises(TypeError, match=r"^correct must be hashable, got \[\]$"):
        Problem(["a"], [])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^answers\[0\] must be hashable, got \[\]$"):
        Problem([[]], "a")  # type: ignore[list-item]
    with pytest.raises(TypeError, match=r"^question must be hashable, got \[\]$"):
        Problem(["a"], "a", question=[])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answers", "correct", "rule"),
    [
        (["1", None, "2"], 1, "a string, as the answers are, got 1"),
        ([1, None, 2.0], "1", "no string, as no answer is, got '1'"),
    ],
)
def test_a_correct_answer_that_can_equal_none_is_refused(
    answers: list[Any], correct: Any, rule: str
) -> None:
    with pytest.raises(TypeError, match=f"^correct must be {rule}$"):
        Problem(answers, correct)


@pytest.mark.parametrize("answers", [["1", 2], [None, None]])
def test_answers_of_both_kinds_or_none_fit_any_correct_answer(answers: list[Any]) -> None:
    assert [Problem(answers, correct).candidates for correct in ("1", 1)] == [2, 2]
