"""A reward model as a reward function of TRL's trainers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from multibin._args import number, one_of, sentence
from multibin.reward._arguments import Group
from multibin.reward._formats._texts import text_or_ids
from multibin.reward._messages import answer_text, question_text
from multibin.reward._model import RewardModel
from multibin.reward._questions import by_question
from multibin.reward._reader import Row
from multibin.reward.choose import AGGREGATES
from multibin.reward.choose import aggregate as one_score

__all__ = ["reward_function"]

Rewards: TypeAlias = list[float | None]
"""One a completion."""


def reward_function(
    model: RewardModel,
    aggregate: str = "min",
    *,
    question: Callable[[Any], str] | None = None,
    unscored: float | None = None,
    name: str | None = None,
) -> Callable[..., Rewards]:
    """Returns a function for `reward_funcs` of TRL's GRPOTrainer and RLOOTrainer.

    It takes ``prompts`` and ``completions``, one prompt a completion, each a text or a list of chat
    messages. It ignores all other columns. One call of the model scores all of them, and equal
    prompts are computed once.

    >>> from multibin import RewardModel
    >>> from multibin.llm._load.tiny import ByteTokenizer, tiny_model
    >>> from multibin.reward import reward_function
    >>> reward = reward_function(RewardModel(tiny_model(), ByteTokenizer()), "mean")
    >>> found = reward(prompts=["1 + 1?"] * 3, completions=["It is 2.", "Three.", " "])
    >>> [value is None for value in found], reward.__name__
    ([False, False, True], 'versaprm_mean')

    Args:
        model: scores the completions.
        aggregate: makes one reward of the scores of the steps: "min", "mean", "product", "last",
            "max" or "sum".
        question: takes a prompt and returns what the model reads as the question. None: the prompt
            itself, or the only user message of a chat.
        unscored: reward of a completion that is blank, has a reserved marker, or is longer than the
            context with its prompt. TRL leaves out a None, and counts a completion that all
            functions leave out as 0.
        name: in TRL's logs; None: that of the format and of the aggregate.

    Raises:
        TypeError: ``model`` is no `RewardModel`, or ``unscored`` is no number.
        ValueError: ``aggregate`` is unknown. The function raises one for a prompt that the model
            cannot read, or for another number of prompts than of completions.
    """
    if not isinstance(model, RewardModel):
        raise TypeError(sentence("model", "a RewardModel", model))
    if unscored is not None:
        number("unscored", unscored)
    one_of("aggregate", aggregate, AGGREGATES)

    def reward(prompts: Sequence[Any], completions: Sequence[Any], **_: Any) -> Rewards:
        found = _scores(model, _questions(prompts, completions, question), completions)
        return [unscored if one is None else float(one_score(one, aggregate)) for one in found]

    reward.__name__ = reward.__qualname__ = name or f"{model.format.name}_{aggregate}"
    return reward


def _questions(
    prompts: Sequence[Any], completions: Sequence[Any], question: Callable[[Any], str] | None
) -> list[Any]:
    if len(prompts) != len(completions):
        raise ValueError(
            f"prompts must have one for each of {len(completions)} completions, got {len(prompts)}"
        )
    named = ((f"prompts[{at}]", prompt) for at, prompt in enumerate(prompts))
    if question is None:
        return [text_or_ids(name, question_text(name, prompt)) for name, prompt in named]
    return [text_or_ids(f"question({name})", question(prompt)) for name, prompt in named]


def _scores(model: RewardModel, questions: list[Any], completions: Sequence[Any]) -> list[Any]:
    """Returns the scores of the steps of each completion, or None where it cannot be read."""
    read = (
        _row(model, at, *pair) for at, pair in enumerate(zip(questions, completions, strict=True))
    )
    rows = {at: row for at, row in enumerate(read) if row is not None}
    places = [*rows]
    groups = [[places[i] for i in group] for group in by_question([questions[i] for i in places])]
    found: list[Any] = [None] * len(questions)
    inputs = [[rows[at] for at in group] for group in groups]
    scored = (scores for window in model._windows(inputs) for scores in model._scored(window))
    for group, several in zip(groups, scored, strict=True):
        for at, scores in zip(group, several, strict=True):
            found[at] = scores
    return found


def _row(model: RewardModel, at: int, question: Any, completion: Any) -> Row | None:
    """Returns a completion as tokens; None if the model cannot read it."""
    name = f"completions[{at}]"
    text = answer_text(name, completion)
    if not isinstance(text, str):
        raise TypeError(sentence(name, "a text or chat messages", completion))
    try:
        [row] = model._reader.rows(Group(question, [text], f"prompts[{at}]", name))
    except ValueError as error:
        # All others are faults of the prompt, or of the tokenizer.
        if not str(error).startswith(name):
            raise
        return None
    return row
