"""Lines of a job's output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from multibin._args import integer, one_of
from multibin.llm._jobs.answers import code
from multibin.llm._jobs.lines import json_object
from multibin.reward._job.lines import Task, kept
from multibin.reward._reader import Scores
from multibin.reward.choose import (
    AGGREGATES,
    Choice,
    aggregate,
    answers,
    best_of_n,
    majority_vote,
    weighted_majority_vote,
)

__all__ = ["CHOICES", "Settings", "answer", "failure"]

CHOICES = ("majority_vote", "weighted_majority_vote", "best_of_n")


@dataclass(frozen=True)
class Settings:
    """What a job writes, and how much of it is in memory.

    Raises:
        TypeError, ValueError: a value out of range.
    """

    window: int = 64
    """The most lines that are read and not answered yet."""
    aggregate: str = "min"
    choose: str | None = None
    """How one of the candidates is chosen; None: none is."""

    def __post_init__(self) -> None:
        integer("window", self.window, 1)
        one_of("aggregate", self.aggregate, AGGREGATES)
        if self.choose is not None:
            one_of("choose", self.choose, CHOICES)


def answer(number: int, task: Task, scores: Sequence[Scores], settings: Settings) -> dict[str, Any]:
    """Returns the fields of the answer to a line.

    Args:
        number: of the line, from 1 on.
        task: of the line.
        scores: of the steps of each candidate.
        settings: say what the answer has.

    Raises:
        TypeError, ValueError: the candidates have no texts to choose by, a score is not finite, or
            a weight of a vote is negative.
    """
    weights = aggregate([one.tolist() for one in scores], settings.aggregate)
    found = {
        "line": number,
        **task.kept,
        "scores": [one.tolist() for one in scores],
        "aggregate": weights.tolist(),
    }
    if settings.choose is not None:
        chosen = _choice(settings.choose, answers(task.candidates), weights)
        found["choice"] = {"index": chosen.index, "answer": chosen.answer}
    return found


def failure(number: int, line: bytes, error: BaseException) -> dict[str, Any]:
    """Returns the fields of the answer to a line that cannot be scored."""
    try:
        fields = kept(json_object(line))
    except ValueError:
        fields = {}
    return {"line": number, **fields, "error": code(error)}


def _choice(how: str, given: Any, weights: Any) -> Choice:
    if how == "majority_vote":
        return majority_vote(given)
    if how == "best_of_n":
        return best_of_n(given, weights)
    return weighted_majority_vote(given, weights)
