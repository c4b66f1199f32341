"""Scores of steps are those of each candidate alone, and the chosen answers follow from them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Load = Callable[..., Any]


@pytest.fixture(scope="module")
def score_steps(example: Load) -> Any:
    """The example."""
    return example("score_steps")


@pytest.fixture(scope="module")
def reward_model(example: Load, score_steps: Any) -> Any:
    """The model that the example builds."""
    small = example("small")
    return score_steps.RewardModel(small.causal_model(), small.tokenizer(), format=score_steps.OURS)


def test_answers_follow_from_the_scores_of_each_alone(score_steps: Any, reward_model: Any) -> None:
    pairs = list(score_steps.questions(5))
    for (question, candidates), choice in zip(
        pairs, score_steps.best(reward_model, pairs), strict=True
    ):
        sums: dict[str, float] = {}
        for candidate in candidates:
            [scores] = reward_model.score(question, [candidate])
            assert len(scores) == len(candidate)
            answer = candidate[-1].removeprefix("The answer is ").removesuffix(".")
            sums[answer] = sums.get(answer, 0.0) + float(scores.min())
        assert choice.weights == pytest.approx(sums, abs=1e-9)
        assert choice.answer == max(sums, key=lambda one: sums[one])


def test_a_step_with_the_mark_is_refused(reward_model: Any) -> None:
    with pytest.raises(ValueError, match="must be a text without '</s>'"):
        reward_model.score("ask", [["the </s> king"]])


def test_it_prints_what_sharing_saved(
    score_steps: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["score_steps"])
    score_steps.main()
    *choices, last = capsys.readouterr().out.splitlines()
    assert len(choices) == 4
    tokens, _, computed, _ = last.split()
    assert int(computed) < int(tokens)


def test_a_path_names_the_folder_of_a_model(
    score_steps: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from tests.reward.formats import vocabularies
    from tests.reward.load.tiny import build
    from transformers import AutoModelForTokenClassification, LlamaConfig

    tokenizer = vocabularies.byte_level()
    sizes = {"vocab_size": len(tokenizer), "max_position_embeddings": 1024, "num_labels": 2}
    build(AutoModelForTokenClassification, LlamaConfig, **sizes).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    monkeypatch.setattr("sys.argv", ["score_steps", str(tmp_path), "trl"])
    score_steps.main()
    assert len(capsys.readouterr().out.splitlines()) == 5
