"""Scores every step of many candidates with a reward model, and lets the scores weigh their votes.

``python -m examples.score_steps PATH FORMAT`` takes a model of one's own; FORMAT is "versaprm" if
left out. Without a path a small random model reads a format of one's own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

from examples.small import WORDS, causal_model, texts, tokenizer
from multibin import RewardModel
from multibin.reward import Format, Mark, choose


def build(_: Any, question: Any, steps: Sequence[Any]) -> list[Any]:
    """Returns what the model reads: each step ends with a token, at which its value is read."""
    return [question, *(piece for step in steps for piece in (f" {step}", Mark("</s>")))]


OURS = Format("ours", build, labels=("hard", "good"), special_tokens=False)


def questions(count: int) -> Iterator[tuple[str, list[list[str]]]]:
    """Yields questions, each with eight candidates; four of them begin with the same step."""
    for seed in range(count):
        asked, first, second, *rest = texts(11, median=20, high=40, seed=seed)
        yield (
            asked,
            [
                [first if n < 4 else second, rest[n], f"The answer is {WORDS[n % 3]}."]
                for n in range(8)
            ],
        )


def best(model: RewardModel, pairs: list[tuple[str, list[list[str]]]]) -> Iterator[choose.Choice]:
    """Yields the answer to each question for which the scores of its candidates speak most."""
    for (_, candidates), scores in zip(pairs, model.iter_scores(pairs), strict=True):
        weights = choose.aggregate(scores, "min")
        yield choose.weighted_majority_vote(choose.answers(candidates), weights)


def main() -> None:
    """Prints the answers to four questions, and what sharing saved."""
    if len(sys.argv) > 1:
        model = RewardModel(sys.argv[1], format=[*sys.argv[2:], "versaprm"][0])
    else:
        model = RewardModel(causal_model(), tokenizer(), format=OURS)
    for choice in best(model, list(questions(4))):
        print(choice.answer, *(f"{answer}: {sum_:.3f}" for answer, sum_ in choice.weights.items()))
    stats = model.stats()
    print(f"{stats['tokens']} tokens, {stats['computed_tokens']} computed")


if __name__ == "__main__":
    main()
