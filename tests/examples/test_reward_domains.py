"""The example of reward models over domains: its labels are right, and its tables are of votes."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

Load = Callable[..., Any]
DAYS = "monday tuesday wednesday thursday friday saturday sunday"
SHRUNK = "--questions=3 --candidates=4 --seeds=2 --examples=40 --steps=3"


@pytest.fixture(scope="module")
def parts(example: Load) -> SimpleNamespace:
    """The modules of the example."""
    names = ("__main__", "domains", "measure", "models", "report", "solver", "words")
    return SimpleNamespace(**{name: example(f"reward_domains.{name}") for name in names})


def posed(parts: Any, name: str, seed: int) -> Any:
    domain = next(domain for domain in parts.domains.DOMAINS if domain.name == name)
    return parts.solver.pose(domain, random.Random(seed))


def by_hand(name: str, step: str) -> bool:
    """Returns whether a step is right, worked out from its text alone."""
    given, _, value = step.partition(" = ")
    words = given.split()
    if name == "arithmetic":
        return (int(words[0]) + int(words[2])) % 10 == int(value)
    if name == "dates":
        days = DAYS.split()
        return days[(days.index(words[0]) + int(words[2])) % 7] == value
    if name == "sorting":
        return value == sorted(words[2:])[0]
    return words[2][int(words[0]) - 1] == value


@pytest.mark.parametrize("name", ["arithmetic", "dates", "sorting", "text"])
@given(seed=st.integers(0, 10**6))
def test_labels_are_those_of_the_text(parts: Any, name: str, seed: int) -> None:
    candidate = parts.solver.solve(posed(parts, name, seed), random.Random(seed), errors=0.5)
    assert list(candidate.labels) == [by_hand(name, step) for step in candidate.steps]


@given(seed=st.integers(0, 10**6))
def test_facts_are_the_same_in_every_problem(parts: Any, seed: int) -> None:
    known: dict[str, str] = {}
    for one in range(30):
        candidate = parts.solver.solve(posed(parts, "facts", seed + one), random.Random(seed), 0.5)
        for step, label in zip(candidate.steps, candidate.labels, strict=True):
            asked, _, value = step.partition(" = ")
            if label:
                assert known.setdefault(asked, value) == value


@pytest.mark.parametrize("name", ["arithmetic", "dates", "facts", "sorting", "text"])
@given(seed=st.integers(0, 10**6))
def test_a_solver_without_errors_is_right_and_one_with_errors_alone_is_wrong(
    parts: Any, name: str, seed: int
) -> None:
    problem = posed(parts, name, seed)
    good = parts.solver.solve(problem, random.Random(seed), errors=0.0)
    bad = parts.solver.solve(problem, random.Random(seed), errors=1.0)
    answer = parts.solver.answer(problem.domain, "\n\n".join(good.steps))
    assert (answer, all(good.labels), any(bad.labels)) == (problem.correct, True, False)


@pytest.mark.parametrize("name", ["arithmetic", "dates", "facts", "text"])
def test_a_step_starts_from_the_value_before_it(parts: Any, name: str) -> None:
    candidate = parts.solver.solve(posed(parts, name, 3), random.Random(3), errors=0.5)
    before = "lion" if name == "text" else None
    for step in candidate.steps:
        given, _, value = step.partition(" = ")
        assert before is None or before in given.split() or name == "text"
        before = value


def test_answers_of_sorting_and_text_take_all_steps(parts: Any) -> None:
    *_, sorting, text = parts.domains.DOMAINS
    steps = "least of 3 1 2 = 1\n\nleast of 3 2 = 2"
    assert parts.solver.answer(sorting, steps) == "1 2"
    assert parts.solver.answer(text, "2 of ox = x\n\n1 of ox = o") == "xo"


def test_the_wrong_answers_of_a_question_agree(parts: Any) -> None:
    shares = []
    for seed in range(60):
        problem = posed(parts, "facts", seed)
        found = [parts.solver.solve(problem, random.Random(i), 0.4) for i in range(40)]
        texts = ["\n\n".join(each.steps) for each in found]
        answers = [parts.solver.answer(problem.domain, text) for text in texts]
        wrong = Counter(answer for answer in answers if answer != problem.correct)
        shares.append(wrong.most_common(1)[0][1] / wrong.total())
    # Nine other names would have 1 / 9 each.
    assert np.mean(shares) > 0.3


def test_a_seed_draws_candidates_and_leaves_the_questions(parts: Any) -> None:
    one, again, other = (parts.measure.ask(4, 5, seed) for seed in (0, 0, 1))
    assert one == again
    assert [each.posed for each in one] == [each.posed for each in other]
    assert [each.candidates for each in one] != [each.candidates for each in other]
    assert Counter(each.posed.domain.name for each in one) == dict.fromkeys(parts.report.NAMES, 4)


def test_all_words_have_tokens(parts: Any) -> None:
    tokenizer = parts.words.word_tokenizer()
    for one in parts.measure.ask(20, 4, 0):
        for text in [one.posed.problem.question, *(s for c in one.candidates for s in c.steps)]:
            assert tokenizer.decode(tokenizer.encode(text)) == text
    assert [len(tokenizer.encode(text)) for text in (" \n\n\n\n", " \n\n", "+", "-")] == [1] * 4
    assert tokenizer.encode("start nonsense")[1] == 0
    assert tokenizer.decode([0], skip_special_tokens=True) == ""


def scored(asked: Any, good: float, bad: float) -> Any:
    """Returns scores that tell right from wrong steps, for each seed of the candidates."""
    return [
        [[np.where(each.labels, good, bad) for each in one.candidates] for one in every]
        for every in asked
    ]


def test_true_labels_as_scores_beat_the_majority(parts: Any) -> None:
    asked = [parts.measure.ask(20, 8, seed) for seed in range(2)]
    scores = scored(asked, 0.9, 0.1)
    results = [
        parts.models.Result(name, parts.models.History(), scores)
        for name in ("all domains", "arithmetic only", "outcome", "verdict")
    ]
    findings = parts.report.find(asked, results)
    assert set(findings.auc["all domains"].values()) == {1.0}
    for name in parts.report.NAMES:
        best = findings.chosen["all domains", "best_of_n"][name]
        majority = findings.majority[name].accuracy[-1]
        assert majority + 0.05 < best.accuracy[-1] <= findings.ceiling[name].accuracy[-1]
        assert findings.gain("all domains", "best_of_n", name).difference[-1] == pytest.approx(
            best.accuracy[-1] - majority
        )
    gains = findings.gain_by_seed("all domains", "best_of_n", "dates")
    assert gains.shape == (2,)
    assert gains.mean() == pytest.approx(
        findings.gain("all domains", "best_of_n", "dates").difference[-1]
    )
    assert "in 4 of the 4" in parts.report.claim(findings)[0]
    assert "+0.0 points more" in parts.report.claim(findings)[2]


def test_equal_scores_change_no_vote(parts: Any) -> None:
    asked = [parts.measure.ask(10, 8, 0)]
    curves = parts.measure.curves(asked, scored(asked, 0.5, 0.5), "weighted_majority_vote")
    majority = parts.measure.curves(asked, None, "majority_vote")
    for name in parts.report.NAMES:
        assert (curves[name].hits == majority[name].hits).all()


def test_seeds_stand_side_by_side(parts: Any) -> None:
    asked = [parts.measure.ask(3, 4, seed) for seed in range(3)]
    curves = parts.measure.curves(asked, None, "majority_vote", draws=5)
    assert curves["dates"].hits.shape == (3, 15, 3)


def test_models_of_a_comparison_share_all_but_domains_and_kind(parts: Any, tmp_path: Path) -> None:
    plans = parts.models.plans(700, 5, 3, tmp_path)
    assert {(plan.examples, plan.steps, plan.seed) for plan in plans} == {(700, 5, 3)}
    assert len({plan.folder for plan in plans}) == len(plans)
    wide, narrow, *others = (plan.domains for plan in plans)
    assert set(wide) == set(parts.report.NAMES)
    assert set(narrow) == {"arithmetic"}
    assert others == [wide, wide]


@pytest.mark.parametrize("kind", ["process", "outcome", "verdict"])
def test_scores_are_one_a_step_or_one_a_candidate(parts: Any, kind: str) -> None:
    names = tuple(parts.report.NAMES)
    asked = [parts.measure.ask(2, 3, 0)]
    result = parts.models.run(parts.models.Plan("it", kind, names, 40, 2, 0), asked)
    candidates = [each for one in asked[0] for each in one.candidates]
    sizes = [len(scores) for one in result.scores[0] for scores in one]
    assert sizes == [len(each.steps) if kind == "process" else 1 for each in candidates]
    assert result.history.steps == 2


def test_a_shrunk_run_prints_tables_and_continues(
    parts: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    arguments = [*SHRUNK.split(), "--folder", str(tmp_path)]
    parts.__main__.main(arguments)
    printed = capsys.readouterr().out
    for name in parts.report.NAMES:
        assert len(re.findall(rf"^\| {name} \|", printed, re.MULTILINE)) == 2
    assert "arithmetic only:" in printed
    assert len(list(tmp_path.glob("*/training.pt"))) == 4
    # What is trained is kept, and the second run works in this process.
    picture = tmp_path / "plot.png"
    parts.__main__.main([*arguments, "--workers=1", f"--plot={picture}"])
    again = capsys.readouterr().out
    assert again.splitlines()[:-2] == printed.splitlines()[:-2]
    assert picture.stat().st_size > 10_000
