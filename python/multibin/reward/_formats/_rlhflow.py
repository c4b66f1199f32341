"""The models of RLHFlow: a chat in which the assistant answers each step with a label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from multibin.reward._formats._chat import Turn, chat_pieces
from multibin.reward._formats._format import Format, Mark, Piece, Text


def rlhflow(labels: tuple[str, str] = ("-", "+"), separator: str = "\n\n") -> Format:
    """Returns the format of RLHFlow's process reward models, Llama3.1-8B-PRM-Deepseek-Data.

    Each step is a turn of the user, the first behind the question and a space, and the good label
    is the answer to each. The score is P(+) at the token before the label. Later steps see the good
    label behind earlier ones, whatever their scores. A text with a special token in it is refused.

    >>> from multibin.reward._formats import rlhflow
    >>> rlhflow().read
    'before'

    Args:
        labels: the bad label, then the good one.
        separator: parts a candidate that is a string into steps.
    """

    def build(tokenizer: Any, question: Text, steps: Sequence[Text]) -> list[Piece]:
        turns: list[Turn] = []
        for at, step in enumerate(steps):
            text = step.strip() if isinstance(step, str) else step
            turns += [("user", [text] if at else [question, " ", text])]
            turns += [("assistant", [Mark(labels[-1])])]
        return chat_pieces(tokenizer, turns)

    return _format("rlhflow", build, labels, separator)


def rlhflow_mistral(labels: tuple[str, str] = ("-", "+"), separator: str = "ки\n") -> Format:
    """Returns the format of Llama3.1-8B-PRM-Mistral-Data, whose steps are parted by ``ки``.

    >>> from multibin.reward._formats import rlhflow_mistral
    >>> rlhflow_mistral().separator
    'ки\\n'

    Args:
        labels: the bad label, then the good one.
        separator: parts a candidate that is a string into steps.
    """
    return replace(rlhflow(labels, separator), name="rlhflow-mistral")


def rlhflow_orm(labels: tuple[str, str] = ("-", "+")) -> Format:
    """Returns the format of RLHFlow's outcome reward models: one label behind the whole candidate.

    >>> from multibin.reward._formats import rlhflow_orm
    >>> rlhflow_orm().separator is None
    True

    Args:
        labels: the bad label, then the good one.
    """

    def build(tokenizer: Any, question: Text, steps: Sequence[Text]) -> list[Piece]:
        user: Turn = ("user", [question, " ", steps[0]])
        return chat_pieces(tokenizer, [user, ("assistant", [Mark(labels[-1])])])

    return _format("rlhflow-orm", build, labels, None)


def _format(name: str, build: Any, labels: tuple[str, str], separator: str | None) -> Format:
    return Format(
        name, build, labels=labels, read="before", separator=separator, special_tokens=False
    )
